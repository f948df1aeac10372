import { z } from "zod";
import { kafkaConfig, registryConfig } from "./services-config.js";
import { decimalText, symbolName, unique, venueId, whole } from "./words.js";

/** Which value of a record: names and list positions with points between them. */
const path = z
  .string()
  .regex(
    /^(@(key|timestamp|offset)|(\$\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)$/,
    "expected a path such as trade.px, levels.0.price, $.time (from the record's top), @key, @timestamp or @offset",
  );

const words = z.array(z.string()).min(1);
const condition = z.record(path, words);

const fields = z
  .strictObject({
    symbol: path.optional().describe("The engine's spelling of the market."),
    time: path
      .default("@timestamp")
      .describe("When it happened, in `timeUnit`; by default the record's timestamp (ms in Kafka, whatever timeUnit)."),
    tradeId: path.optional().describe("Of a trade; without one the record's place stands for it."),
    price: path.optional().describe("Of a trade, or of a depth event that has one level."),
    qty: path.optional().describe("Likewise; of a level 0 means that it is gone."),
    side: path.optional().describe("Of a trade the taker's, of a depth event the book's."),
    bidPrice: path.optional().describe("Of a quote."),
    bidQty: path.optional().describe("Of a quote."),
    askPrice: path.optional().describe("Of a quote."),
    askQty: path.optional().describe("Of a quote."),
    bids: path.optional().describe("List of levels of a depth event."),
    asks: path.optional().describe("List of levels of a depth event."),
    levelPrice: path.default("0").describe("Within a level."),
    levelQty: path.default("1").describe("Within a level."),
    updateId: path.optional().describe("Of a depth event: the last change that it holds. Of a quote likewise."),
    firstUpdateId: path.optional().describe("Of a depth event: the first change that it holds."),
    previousUpdateId: path.optional().describe("Of a depth event: the id that it follows."),
  })
  .prefault({})
  .describe("Where what stands in a record.");

const stream = z
  .strictObject({
    topic: z.string().min(1).max(249).describe("Topic of the engine."),
    kind: z.enum(["trade", "quote", "depth"]).describe("What its records are."),
    format: z
      .enum(["json", "avro"])
      .default("json")
      .describe("JSON text, or Avro in the Confluent wire format, whose schemas the registry has."),
    each: path.optional().describe("A list in the record of which every item is one event; other paths begin there."),
    where: condition.default({}).describe("Only records whose values at these paths are among these words."),
    symbol: symbolName.optional().describe("The market, where the topic has one alone."),
    fields,
    timeUnit: z.enum(["s", "ms", "us", "ns", "iso"]).default("ms").describe("Unit of `fields.time`."),
    priceScale: whole(0)
      .max(18)
      .optional()
      .describe("Prices are whole numbers of 10^-priceScale. Without it they are decimals."),
    qtyScale: whole(0).max(18).optional().describe("Quantities likewise."),
    sides: z
      .strictObject({
        buy: words.default(["buy", "b", "bid"]).describe("Words for a buy, or the bids; upper and lower case alike."),
        sell: words.default(["sell", "s", "ask", "a"]).describe("Words for a sell, or the asks."),
      })
      .prefault({})
      .describe("Words of `fields.side`."),
    makerSide: z.boolean().default(false).describe("The side of a trade is the maker's."),
    snapshotWhere: condition
      .optional()
      .describe("Depth events with these values are whole books; `{}` when all are. Others are changes."),
    removeWhere: condition.optional().describe("Depth events of one level with these values take it away."),
    sequence: z
      .enum(["increasing", "contiguous", "linked"])
      .default("increasing")
      .describe(
        "How `updateId` runs in one market: upwards with holes (the topic's order is trusted), by one, or linked by `previousUpdateId`.",
      ),
  })
  .superRefine((one, context) => {
    const { fields: at, kind } = one;
    const need = (name: keyof typeof at) => {
      if (at[name] === undefined) {
        context.addIssue({ code: "custom", path: ["fields", name], message: `a stream of kind ${kind} needs it` });
      }
    };
    if (one.symbol === undefined) need("symbol");
    if (kind === "trade" || (kind === "depth" && at.bids === undefined && at.asks === undefined)) {
      for (const name of ["price", "qty", "side"] as const) need(name);
    }
    if (kind === "quote") for (const name of ["bidPrice", "askPrice"] as const) need(name);
    if (kind === "depth" && one.sequence !== "increasing") need("updateId");
    if (kind === "depth" && one.sequence === "linked") need("previousUpdateId");
  })
  .describe("One topic, and how to read it.");

const market = z
  .strictObject({
    symbol: symbolName.describe("Unified symbol."),
    nativeId: z.string().min(1).describe("The engine's spelling."),
    tickSize: decimalText.describe("Prices are multiples of it."),
    lotSize: decimalText.describe("Quantities are multiples of it."),
  })
  .describe("One market of the engine.");

export const engineConfig = z
  .strictObject({
    id: venueId.describe("Name of the exchange; it stands in every message as `exchange`."),
    kafka: kafkaConfig.describe("The engine's brokers, which need not be the plant's."),
    registry: registryConfig.optional().describe("The registry of its Avro schemas."),
    group: z
      .string()
      .min(1)
      .max(200)
      .default("tickplant-engine")
      .describe("Consumer group that follows its topics; its offsets are how far the plant has come."),
    from: z
      .enum(["start", "end"])
      .default("start")
      .describe("Where to begin in a partition that the group has no offset of."),
    generation: whole(0)
      .default(0)
      .describe("One more after topics were deleted and made anew: their offsets begin again and would be repeats."),
    markets: unique(market, ({ nativeId }) => nativeId)
      .min(1, "expected at least one market")
      .describe("Its markets; records of others are skipped and counted."),
    streams: unique(stream, ({ topic, kind }) => `${kind} of ${topic}`)
      .min(1, "expected at least one stream")
      .describe("Its topics."),
  })
  .superRefine((engine, context) => {
    engine.streams.forEach((one, index) => {
      if (one.format === "avro" && engine.registry === undefined) {
        context.addIssue({ code: "custom", path: ["streams", index, "format"], message: "avro needs the registry" });
      }
      if (one.symbol !== undefined && !engine.markets.some(({ symbol }) => symbol === one.symbol)) {
        context.addIssue({ code: "custom", path: ["streams", index, "symbol"], message: "markets does not have it" });
      }
    });
  })
  .describe("One matching engine of one's own, by its Kafka topics.");

export type EngineConfig = z.output<typeof engineConfig>;
export type StreamConfig = z.output<typeof stream>;
