import { z } from "zod";
import { httpUrl, milliseconds, symbolName, unique, venueId, whole } from "./words.js";

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "expected a contract's address, 0x and 40 hexadecimal digits")
  .transform((text) => text.toLowerCase() as `0x${string}`);

const heartbeat = (standard: number) =>
  whole(1).default(standard).describe("Seconds after which the oracle gives a price even if nothing has changed.");

const graceSeconds = whole(0)
  .default(300)
  .describe("Seconds beyond the heartbeat after which a price is stale: recorded ones came up to 2 minutes late.");

const rpcUrl = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^(https?|wss?):$/.test(new URL(text).protocol),
    "expected a URL that begins with http://, https://, ws:// or wss://",
  )
  .meta({ description: "A node's JSON-RPC address; often with a key in it.", secret: true });

const chainlinkFeed = z
  .strictObject({
    symbol: symbolName.describe("Whose price it is, such as BTC/USD."),
    proxy: address.describe("Address of the feed's proxy: what data.chain.link shows."),
    heartbeatSeconds: heartbeat(3_600),
  })
  .describe("One price feed.");

const chainlink = z
  .strictObject({
    id: venueId.default("chainlink").describe("`exchange` of its prices."),
    rpcUrls: z
      .array(rpcUrl)
      .min(1)
      .describe("Nodes of the chain, by HTTP or WebSocket; the first that answers is used."),
    feeds: unique(chainlinkFeed, ({ symbol }) => symbol)
      .min(1, "expected at least one feed")
      .describe("Price feeds."),
    graceSeconds,
    confirmations: whole(0).default(0).describe("Blocks that must stand on top of one before its answers are taken."),
    reorgDepth: whole(1).default(64).describe("Blocks that a reorganisation may drop."),
    pollMs: milliseconds.min(50).default(2_000).describe("Milliseconds between questions for a new block."),
    logRange: whole(1).default(2_000).describe("Blocks in one query of logs."),
    checkRanges: z
      .boolean()
      .default(true)
      .describe(
        "Whether each block of such a query is held against its logs, a request a block. Off for nodes of one's own.",
      ),
    checkSeconds: whole(1)
      .default(60)
      .describe("Seconds between questions of each proxy: its aggregator may change, and its answer is compared."),
  })
  .describe("Chainlink's price feeds on one EVM chain.");

const pythFeed = z
  .strictObject({
    symbol: symbolName.describe("Whose price it is, such as BTC/USD."),
    feedId: z
      .string()
      .regex(/^(0x)?[0-9a-fA-F]{64}$/, "expected a price feed's id, 64 hexadecimal digits")
      .transform((text) => text.replace(/^0x/, "").toLowerCase())
      .describe("The feed's id, as docs.pyth.network lists them."),
  })
  .describe("One price feed.");

const emitter = z
  .strictObject({
    chain: whole(1).max(65_535).describe("Number of its chain, as Wormhole numbers them; Pythnet is 26."),
    address: z
      .string()
      .regex(/^(0x)?[0-9a-fA-F]{64}$/, "expected an emitter's address, 64 hexadecimal digits")
      .transform((text) => text.replace(/^0x/, "").toLowerCase())
      .describe("Its address, 32 bytes."),
  })
  .describe("Who may have said what is signed.");

const signerSet = z
  .strictObject({
    index: whole(0).max(0xffff_ffff).describe("Number of the set: what is signed names it."),
    addresses: unique(address, (one) => one)
      .min(1, "expected at least one address")
      .max(255)
      .describe("Its signers' addresses, in their order."),
    quorum: whole(1)
      .max(255)
      .optional()
      .describe("How many of them must have signed; by default more than half: 3 of 5."),
    until: z.iso
      .datetime({ offset: true })
      .optional()
      .describe("Of a set that was replaced: prices that were published later are not taken from it."),
  })
  .superRefine(({ addresses, quorum = 1 }, context) => {
    if (quorum <= addresses.length) return;
    const message = `expected at most ${addresses.length}, as many as the set has signers`;
    context.addIssue({ code: "custom", path: ["quorum"], message });
  })
  .describe("A set of signers.");

/**
 * The routers of Pyth Pro, which sign since 2026-08-26. Set 0: the upgraded contracts' first one, pyth-crosschain
 * `contract_manager/src/core/chains` (2026-07). Set 1: the rotation that set 0 has signed, pyth-crosschain 859113ec,
 * `ProCompatibleProductionGuardianSetVaas.json`; the first update seen under it is of 2026-09-05 11:40:47.
 */
const routers = [
  "0x41534bb176e461a3fb30479400f210549ecce638",
  "0x6502987b62f21cab7eb5ccd8f0173084b60d5b41",
  "0x44a3e8f6a382412cf6bb90a3f8106e68977476c9",
];
const routerSets = [
  {
    index: 0,
    addresses: [...routers, "0xd9d7d4529577864352c9a6539a48238fcd447052", "0x1663a5a822336ece48559b1dfb1e93a017a7dac3"],
    quorum: 3,
    until: "2026-09-06T00:00:00Z",
  },
  {
    index: 1,
    addresses: [...routers, "0x13edc776d3063549fdb0702af182edc905a539d4", "0x3af088854bb768065f4929e5bbdfa4cbb04c9af9"],
    quorum: 3,
  },
];

/** https://docs.pyth.network/price-feeds/pro/pyth-core-upgrade (2026-08-26): the routers sign under "Pythnet", repeated. */
const routerEmitter = { chain: 26, address: Buffer.from("Pythnet".repeat(5)).subarray(0, 32).toString("hex") };

const pyth = z
  .strictObject({
    id: venueId.default("pyth").describe("`exchange` of its prices."),
    url: httpUrl.default("https://pyth.dourolabs.app/hermes").describe("A Hermes server."),
    key: z
      .string()
      .default("")
      .meta({ description: "The key that Hermes wants since 2026-08-26, from Pyth Terminal.", secret: true }),
    mode: z.enum(["stream", "poll"]).default("stream").describe("Server-sent events, or a question now and then."),
    pollMs: milliseconds.min(100).default(1_000).describe("Milliseconds between questions, with `poll`."),
    silenceMs: milliseconds
      .min(500)
      .default(15_000)
      .describe("Milliseconds without an event after which a stream is opened anew."),
    retryRefusedSeconds: whole(1)
      .default(600)
      .describe("Seconds after which the server is asked again for feeds that it did not serve."),
    feeds: unique(pythFeed, ({ symbol }) => symbol)
      .min(1, "expected at least one feed")
      .describe("Price feeds."),
    heartbeatSeconds: heartbeat(5),
    graceSeconds: whole(0).default(10).describe("Seconds beyond the heartbeat after which a price is stale."),
    emitters: unique(emitter, ({ chain, address }) => `${chain}/${address}`)
      .min(1, "expected at least one emitter")
      .default([routerEmitter])
      .describe("Who may have said what is signed; by default the routers of Pyth Pro."),
    signerSets: unique(signerSet, ({ index }) => String(index))
      .prefault(routerSets)
      .describe(
        "Whose signatures are demanded, by the number of their set; by default the routers of Pyth Pro, sets 0 and 1. With an empty list none are.",
      ),
  })
  .describe("Pyth's prices by Hermes.");

export const oraclesConfig = z
  .strictObject({
    chainlink: unique(chainlink, ({ id }) => id)
      .default([])
      .describe("Chainlink, an entry a chain."),
    pyth: unique(pyth, ({ id }) => id)
      .default([])
      .describe("Pyth, an entry a server."),
  })
  .prefault({})
  .describe("Oracles: prices that indices use or are guarded by.");

export type ChainlinkConfig = z.output<typeof chainlink>;
export type PythConfig = z.output<typeof pyth>;
