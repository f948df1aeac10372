import type { DepthTick, InstrumentTick, LevelText, RawTick, TickerTick } from "../../../schemas/ticks.js";
import { AGGREGATE, type DecimalText, type Micros } from "../../../schemas/words.js";
import { BadLine } from "../errors.js";
import type { RecordingFormat, RecordingReader, RecordingSink } from "../recording-format.js";
import { instrumentOfSymbol } from "../symbols.js";

const KIND = /"kind":\s*"(trade|quote|ticker|depth|oracle|instrument)"/;

/**
 * Ticks as text: a raw tick a line as JSON, with the field names of the plant's own messages. This is how people bring
 * a history of their own.
 */
export const ticks: RecordingFormat = {
  name: "ticks",
  recognises: (line) => line.startsWith("{") && KIND.test(line) && line.includes('"symbol"'),
  reader: (_file, { venue }) => new TicksReader(venue),
};

type Fields = Readonly<Record<string, unknown>>;
type Base = Pick<RawTick, "exchange" | "symbol" | "exchangeTime" | "receiveTime">;

class TicksReader implements RecordingReader {
  constructor(private readonly venue: string | undefined) {}

  line(text: string, out: RecordingSink): void {
    const fields = parse(text);
    try {
      this.take(fields, out);
    } catch (error) {
      const { exchange } = fields;
      if (!(error instanceof BadLine) || typeof exchange !== "string") throw error;
      throw new BadLine(error.message, { cause: error, venue: exchange.slice(0, 64) });
    }
  }

  private take(fields: Fields, out: RecordingSink): void {
    const base = baseOf(fields, this.venue);
    switch (fields.kind) {
      case "trade":
        out.tick(tradeOf(fields, base));
        return;
      case "quote":
        out.tick(quoteOf(fields, base));
        return;
      case "ticker":
        // A ticker message carries the best bid and ask, too; a raw ticker does not.
        if (fields.bid_price != null || fields.ask_price != null) out.tick(quoteOf(fields, base));
        out.tick(tickerOf(fields, base));
        return;
      case "depth":
        out.tick(depthOf(fields, base));
        return;
      case "oracle":
        out.tick({
          ...base,
          kind: "oracle",
          price: decimal(fields, "price"),
          ...given("confidence", optionalDecimal(fields, "confidence")),
          ...given("roundId", optionalId(fields, "round_id")),
        });
        return;
      case "instrument":
        out.tick(instrumentTickOf(fields, base));
        return;
      default:
        throw new BadLine("kind: expected trade, quote, ticker, depth, oracle or instrument");
    }
  }
}

function parse(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new BadLine("not JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new BadLine("expected a JSON object");
  return value as Fields;
}

function baseOf(fields: Fields, venue: string | undefined): Base {
  const exchange = venue ?? fields.exchange;
  if (typeof exchange !== "string" || exchange === "") throw new BadLine("exchange: expected text");
  if (exchange === AGGREGATE) throw new BadLine("exchange: aggregates are computed, not taken in");
  if (typeof fields.symbol !== "string" || fields.symbol === "") throw new BadLine("symbol: expected text");
  const exchangeTime = time(fields, "exchange_time") ?? time(fields, "timestamp") ?? time(fields, "receive_time");
  const receiveTime = time(fields, "receive_time") ?? exchangeTime;
  if (exchangeTime === undefined || receiveTime === undefined) {
    throw new BadLine("exchange_time or receive_time: expected whole µs since the epoch");
  }
  return { exchange, symbol: fields.symbol, exchangeTime, receiveTime };
}

function tradeOf(fields: Fields, base: Base): RawTick {
  const { side } = fields;
  if (side !== "buy" && side !== "sell") throw new BadLine("side: expected buy or sell (the taker's)");
  return {
    ...base,
    kind: "trade",
    tradeId: optionalId(fields, "trade_id") ?? "",
    price: decimal(fields, "price"),
    qty: decimal(fields, "qty"),
    side,
    ...given("retracts", optionalId(fields, "retracts")),
    ...fillsOf(fields),
    ...(fields.backfilled === true && { backfilled: true }),
  };
}

/** First and last fill of a trade that sums several. */
function fillsOf(fields: Fields) {
  const firstTradeId = whole(fields, "first_trade_id");
  const lastTradeId = whole(fields, "last_trade_id");
  if (firstTradeId === undefined && lastTradeId === undefined) return {};
  if (firstTradeId === undefined || lastTradeId === undefined || lastTradeId < firstTradeId) {
    throw new BadLine("first_trade_id and last_trade_id: expected both, in their order");
  }
  return { firstTradeId, lastTradeId };
}

function quoteOf(fields: Fields, base: Base): RawTick {
  return {
    ...base,
    kind: "quote",
    bidPrice: optionalDecimal(fields, "bid_price") ?? "",
    bidQty: optionalDecimal(fields, "bid_qty") ?? "",
    askPrice: optionalDecimal(fields, "ask_price") ?? "",
    askQty: optionalDecimal(fields, "ask_qty") ?? "",
    ...given("updateId", whole(fields, "update_id")),
  };
}

function tickerOf(fields: Fields, base: Base): TickerTick {
  return {
    ...base,
    kind: "ticker",
    lastPrice: decimal(fields, "last_price"),
    ...given("open24h", optionalDecimal(fields, "open_24h")),
    ...given("high24h", optionalDecimal(fields, "high_24h")),
    ...given("low24h", optionalDecimal(fields, "low_24h")),
    ...given("volume24h", optionalDecimal(fields, "volume_24h")),
    ...given("quoteVolume24h", optionalDecimal(fields, "quote_volume_24h")),
  };
}

function depthOf(fields: Fields, base: Base): DepthTick {
  const updateId = whole(fields, "update_id") ?? 0;
  const stale = fields.status === "stale";
  const action = stale ? "gap" : fields.is_snapshot === true ? "snapshot" : "increment";
  return {
    ...base,
    kind: "depth",
    action,
    firstUpdateId: whole(fields, "first_update_id") ?? updateId,
    updateId,
    ...given("previousUpdateId", whole(fields, "previous_update_id")),
    bids: levels(fields, "bids"),
    asks: levels(fields, "asks"),
    ...(action === "snapshot" && partOf(fields)),
    ...given("checksum", whole(fields, "checksum")),
    ...(stale && { reason: typeof fields.reason === "string" ? fields.reason : "sequence_gap" }),
  };
}

/** A snapshot may come in parts, numbered from 0; the first clears the book and the last makes it live. */
function partOf(fields: Fields): { part: number; parts: number } {
  const part = whole(fields, "part") ?? 0;
  const parts = whole(fields, "parts") ?? 1;
  if (part < 0 || parts <= part) throw new BadLine("part: expected a number from 0 and below parts");
  return { part, parts };
}

function instrumentTickOf(fields: Fields, base: Base): InstrumentTick {
  const known = instrumentOfSymbol(base.symbol);
  const text = <Text extends string>(name: string, otherwise: Text): Text =>
    typeof fields[name] === "string" ? (fields[name] as Text) : otherwise;
  return {
    ...base,
    kind: "instrument",
    nativeId: text("native_id", base.symbol),
    status: text("status", "trading"),
    contractType: text("contract_type", known.contractType),
    base: text("base", known.base),
    quote: text("quote", known.quote),
    tickSize: decimal(fields, "tick_size"),
    lotSize: decimal(fields, "lot_size"),
    contractSize: optionalDecimal(fields, "contract_size") ?? "1",
    ...(typeof fields.chain === "string" && { chain: fields.chain }),
  };
}

function time(fields: Fields, name: string): Micros | undefined {
  const value = fields[name];
  if (value == null) return undefined;
  // Seconds or milliseconds in place of µs would land in 1970: better said than believed.
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1e14) return value;
  throw new BadLine(`${name}: expected whole µs since the epoch, e.g. 1762795420000000`);
}

function whole(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  if (value == null) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw new BadLine(`${name}: expected a whole number`);
}

function optionalId(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value == null) return undefined;
  if (typeof value === "string") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  throw new BadLine(`${name}: expected text`);
}

function decimal(fields: Fields, name: string): DecimalText {
  const value = optionalDecimal(fields, name);
  if (value === undefined) throw new BadLine(`${name}: expected a decimal as text`);
  return value;
}

function optionalDecimal(fields: Fields, name: string): DecimalText | undefined {
  const value = fields[name];
  return value == null ? undefined : decimalOf(value, name);
}

/**
 * A JSON number stands for the shortest text of its double, which is exact up to 15 significant digits. Beyond that it
 * may be another value than was written, so it is refused.
 */
function decimalOf(value: unknown, name: string): DecimalText {
  if (typeof value === "string") return value;
  if (typeof value === "number" && Number.isFinite(value)) {
    const text = String(value);
    if (text.replace(/e.*$/, "").replace(/^-?0*\.?0*|\./g, "").length <= 15) return text;
    throw new BadLine(`${name}: a number of more than 15 digits is not exact; write it as text, in quotes`);
  }
  throw new BadLine(`${name}: expected a decimal as text`);
}

function levels(fields: Fields, name: string): LevelText[] {
  const value = fields[name];
  if (value == null) return [];
  if (!Array.isArray(value)) throw new BadLine(`${name}: expected [[price, qty], …]`);
  return value.map((level: unknown) => {
    if (!Array.isArray(level) || level.length < 2) throw new BadLine(`${name}: expected [[price, qty], …]`);
    return [decimalOf(level[0], name), decimalOf(level[1], name)];
  });
}

/** An optional property, left out rather than undefined. */
function given<Name extends string, Value>(name: Name, value: Value | undefined): { [Key in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: Value };
}
