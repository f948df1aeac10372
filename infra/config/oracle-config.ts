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

const guardianSet = z
  .strictObject({
    index: whole(0).describe("Number of the set."),
    addresses: z.array(address).min(1).describe("Its guardians, in their order."),
  })
  .describe("Guardians of Wormhole.");

const pyth = z
  .strictObject({
    id: venueId.default("pyth").describe("`exchange` of its prices."),
    url: httpUrl.default("https://hermes.pyth.network").describe("A Hermes server."),
    mode: z.enum(["stream", "poll"]).default("stream").describe("Server-sent events, or a question now and then."),
    pollMs: milliseconds.min(100).default(1_000).describe("Milliseconds between questions, with `poll`."),
    silenceMs: milliseconds
      .min(500)
      .default(15_000)
      .describe("Milliseconds without an event after which a stream is opened anew."),
    feeds: unique(pythFeed, ({ symbol }) => symbol)
      .min(1, "expected at least one feed")
      .describe("Price feeds."),
    heartbeatSeconds: heartbeat(5),
    graceSeconds: whole(0).default(10).describe("Seconds beyond the heartbeat after which a price is stale."),
    guardianSets: unique(guardianSet, ({ index }) => String(index))
      .default([])
      .describe("Whose signatures are demanded. Without a set they are not checked, the Merkle proofs are."),
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
