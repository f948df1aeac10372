import { z } from "zod";
import { milliseconds, rpcUrl, symbolName, unique, venueId, whole } from "./words.js";

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "expected an address in quotes: 0x and 40 hexadecimal digits")
  .transform((text) => text.toLowerCase() as `0x${string}`);

const protocol = z.enum(["v2", "v3"]);
const priceDigits = whole(4).max(30).default(12);

const pool = z
  .strictObject({
    address: address.describe("The pool's contract."),
    protocol: protocol
      .default("v3")
      .describe("`v2`: constant product (Uniswap V2 and its forks). `v3`: concentrated liquidity."),
    venue: venueId
      .optional()
      .describe("Family of the venue's id, by default `uniswap-v2` or `uniswap-v3`; a fee tier is added to v3's."),
    fee: whole(0).max(999_999).optional().describe("Of v2: the fee in millionths, by default 3000 (0.3 %)."),
    symbol: symbolName.optional().describe("Unified symbol; by default as the tokens call themselves."),
    base: z
      .enum(["token0", "token1"])
      .optional()
      .describe(
        "Which token is the base currency; by default as `symbol` says, else money quotes, then the chain's own asset.",
      ),
    priceDigits: priceDigits.describe("Significant digits of a price, at the price when the pool is taken in."),
  })
  .describe("One pool.");

const ofTokens = (description: string) =>
  unique(address, (token) => token)
    .default([])
    .describe(description);

const factory = z
  .strictObject({
    address: address.describe("The factory's contract."),
    protocol: protocol.default("v3").describe("Of its pools."),
    venue: venueId.optional().describe("As of a pool."),
    tokens: unique(address, (token) => token)
      .min(2)
      .describe("Pools of any two of these tokens are taken in, those that are created later too."),
    bases: ofTokens("Tokens that are the base currency against any other; of two of them the one that stands first."),
    quotes: ofTokens("Tokens that are the quote currency against any other, likewise; they come before `bases`."),
    fees: z
      .array(whole(1).max(999_999))
      .default([100, 500, 3000, 10_000])
      .describe("Of v3: the fee tiers to look for, in millionths."),
    fee: pool.shape.fee,
    priceDigits: pool.shape.priceDigits,
  })
  .superRefine(({ tokens, bases, quotes }, context) => {
    for (const [name, list] of Object.entries({ bases, quotes })) {
      for (const [at, token] of list.entries()) {
        if (tokens.includes(token)) continue;
        context.addIssue({ code: "custom", path: [name, at], message: `${token} is none of \`tokens\`` });
      }
    }
  })
  .describe("A factory whose pools are discovered.");

const transactions = z
  .strictObject({
    to: unique(address, (one) => one).describe("Contracts whose pending transactions are told, e.g. routers."),
    maxWatched: whole(1).default(5000).describe("Transactions that are watched at most; the oldest are let go."),
    dropAfterBlocks: whole(1).default(100).describe("Blocks after which one that the node has forgotten is dropped."),
  })
  .describe("Pending transactions on `tx.pending`, and what became of them on `tx.confirm`.");

const depth = z
  .strictObject({
    levels: whole(1).max(500).default(50).describe("Levels a side."),
    stepTicks: whole(1).max(10_000).default(10).describe("Distance of the levels in ticks of 0.01 %: 10 is 0.1 %."),
  })
  .describe("The pools' state as an order book: what one could buy or sell at each price, the fee included.");

export const chainConfig = z
  .strictObject({
    id: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_-]{0,31}$/, "expected a name such as ethereum")
      .describe("The chain's name: it stands in messages and names the feed."),
    rpcUrls: z
      .array(rpcUrl)
      .min(1)
      .describe("Nodes by HTTP or WebSocket; the next one is used when one does not answer."),
    confirmations: whole(0)
      .max(10_000)
      .default(0)
      .describe("Blocks on top of a block before it is taken in. 0 is at once; a reorganisation is then taken back."),
    reorgDepth: whole(1)
      .max(10_000)
      .default(64)
      .describe("Blocks that a reorganisation may drop: so long their amounts are kept."),
    pollMs: milliseconds.min(10).default(1000).describe("Milliseconds between looks for a new block."),
    timeoutMs: milliseconds.min(100).default(10_000).describe("Milliseconds that a node may take to answer."),
    logRange: whole(1).default(1000).describe("Blocks in one query while it catches up; halved where a node refuses."),
    checkRanges: z
      .boolean()
      .default(true)
      .describe(
        "Whether each block of such a query is held against its logs, a request a block. Off for nodes of one's own.",
      ),
    startBlock: whole(0).optional().describe("First block, where nothing was taken in before; by default the newest."),
    pools: unique(pool, (one) => one.address)
      .default([])
      .describe("Pools by address."),
    factories: unique(factory, (one) => one.address)
      .default([])
      .describe("Pools by discovery."),
    depth: depth.optional(),
    transactions: transactions.optional(),
  })
  .describe("One chain.");

export type ChainConfig = z.output<typeof chainConfig>;
