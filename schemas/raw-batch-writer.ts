import {
  AGGREGATE_FIELDS,
  DEPTH_ACTIONS,
  DEPTH_FIELDS,
  OTHER_FIELDS,
  QUOTE_FIELDS,
  TICK_KINDS,
  TICKER_FIELDS,
} from "./avro/raw-batch.js";
import { LARGEST_LONG, writeLong, writeText } from "./avro-bytes.js";
import { UnwritableRecord } from "./errors.js";
import { rawTickType } from "./raw-batch-type.js";
import { recordOfTick } from "./raw-tick-record.js";
import type { DepthTick, LevelText, QuoteTick, RawTick, TradeTick } from "./ticks.js";
import { WIRE_HEAD, writeHead } from "./wire.js";

const ZIGZAG_KIND = Object.fromEntries(TICK_KINDS.map((kind, index) => [kind, index * 2])) as Record<
  RawTick["kind"],
  number
>;
const NULLS_AFTER_TRADE = QUOTE_FIELDS.length + DEPTH_FIELDS.length + TICKER_FIELDS.length + OTHER_FIELDS.length;
const NULLS_AFTER_QUOTE = NULLS_AFTER_TRADE - QUOTE_FIELDS.length;
const NULLS_AFTER_DEPTH = NULLS_AFTER_QUOTE - DEPTH_FIELDS.length;
const NULLS_BEFORE_AGGREGATE = NULLS_AFTER_TRADE - AGGREGATE_FIELDS.length;
const PRESENT = 2;
/** Room for all that is not text: enums, longs, markers and nulls of one tick. */
const FIXED = 256;
/** UTF-8 bytes of a UTF-16 unit at most, and what a text's length and markers take. */
const WIDEST = 3;
const AROUND_TEXT = 12;

/**
 * Encodes ticks, once each, into a record of `market.raw`: byte for byte what avsc would write, in the Confluent wire
 * format. The caller bounds it by `count` and `bytes`. All bytes behind the last tick are zero, which is Avro for null:
 * fields that a kind lacks are skipped over, not written.
 */
export class RawBatchWriter {
  private readonly head: Buffer;
  /** Where the ticks begin: behind the head and the longest count. */
  private readonly front: number;
  private buffer: Buffer;
  private end: number;
  private ticks = 0;

  /**
   * @param schemaId id of `market.raw-value`
   * @param session  the ingest session that numbers the ticks
   */
  constructor(schemaId: number, session: string) {
    const head = Buffer.alloc(16 + session.length * WIDEST);
    writeHead(head, schemaId);
    this.head = head.subarray(0, writeText(head, WIRE_HEAD, session));
    this.front = this.head.length + 8;
    this.end = this.front;
    this.buffer = Buffer.alloc(32_768);
  }

  /** Ticks since the last finish. */
  get count(): number {
    return this.ticks;
  }

  /** About the length of what finish would return. */
  get bytes(): number {
    return this.end;
  }

  /**
   * @param number the tick's number within the session
   * @throws UnwritableRecord when a field is missing or of the wrong type; the batch stays as it was
   */
  append(tick: RawTick, number: number): void {
    try {
      this.end = this.write(tick, number);
      this.ticks++;
    } catch (cause) {
      this.buffer.fill(0, this.end);
      throw new UnwritableRecord(`a ${tick.kind} tick of ${tick.exchange} ${tick.symbol} can not be encoded`, {
        cause,
      });
    }
  }

  /** The complete wire value, a copy; the writer is empty afterwards. */
  finish(): Uint8Array {
    const count = Buffer.alloc(8);
    // an array is its count and items, then a zero: the one zero alone when it is empty
    const countLength = this.ticks === 0 ? 0 : writeLong(count, 0, this.ticks);
    const start = this.front - countLength - this.head.length;
    this.head.copy(this.buffer, start);
    count.copy(this.buffer, this.front - countLength, 0, countLength);
    const value = new Uint8Array(this.buffer.subarray(start, this.end + 1));
    this.buffer.fill(0, 0, this.end);
    this.end = this.front;
    this.ticks = 0;
    return value;
  }

  private write(tick: RawTick, number: number): number {
    switch (tick.kind) {
      case "trade":
        return this.writeTrade(tick, number);
      case "quote":
        return this.writeQuote(tick, number);
      case "depth":
        return this.writeDepth(tick, number);
      default:
        return this.writeOther(tick, number);
    }
  }

  private writeTrade(tick: TradeTick, number: number): number {
    const { price, qty, tradeId, retracts } = tick;
    const texts = price.length + qty.length + tradeId.length + (retracts === undefined ? 0 : retracts.length);
    let at = this.writeCommon(tick, number, texts);
    const target = this.buffer;
    target[at] = PRESENT;
    at = writeText(target, at + 1, price);
    target[at] = PRESENT;
    at = writeText(target, at + 1, qty);
    target[at] = PRESENT;
    at = writeText(target, at + 1, tradeId);
    target[at] = PRESENT;
    target[at + 1] = sideCode(tick.side);
    at += 2;
    if (tick.backfilled !== undefined) {
      target[at] = PRESENT;
      target[++at] = tick.backfilled ? 1 : 0;
    }
    at++;
    if (retracts !== undefined) {
      target[at] = PRESENT;
      at = writeText(target, at + 1, retracts);
    } else at++;
    if (tick.firstTradeId === undefined && tick.lastTradeId === undefined) return at + NULLS_AFTER_TRADE;
    at = writeOptional(target, at + NULLS_BEFORE_AGGREGATE, tick.firstTradeId);
    return writeOptional(target, at, tick.lastTradeId);
  }

  private writeQuote(tick: QuoteTick, number: number): number {
    const { bidPrice, bidQty, askPrice, askQty, updateId } = tick;
    const texts = bidPrice.length + bidQty.length + askPrice.length + askQty.length;
    let at = this.writeCommon(tick, number, texts) + 6;
    const target = this.buffer;
    target[at] = PRESENT;
    at = writeText(target, at + 1, bidPrice);
    target[at] = PRESENT;
    at = writeText(target, at + 1, bidQty);
    target[at] = PRESENT;
    at = writeText(target, at + 1, askPrice);
    target[at] = PRESENT;
    at = writeText(target, at + 1, askQty);
    return writeOptional(target, at, updateId) + NULLS_AFTER_QUOTE;
  }

  private writeDepth(tick: DepthTick, number: number): number {
    const texts = textsOf(tick.bids) + textsOf(tick.asks) + (tick.reason?.length ?? 0);
    // behind the common fields: 6 of a trade and 4 of a quote, all null
    let at = this.writeCommon(tick, number, texts) + 10;
    const target = this.buffer;
    target[at] = PRESENT;
    at = writeSafeLong(target, at + 1, tick.updateId);
    target[at] = PRESENT;
    at = writeLong(target, at + 1, actionCode(tick.action));
    target[at] = PRESENT;
    at = writeSafeLong(target, at + 1, tick.firstUpdateId);
    at = writeOptional(target, at, tick.previousUpdateId);
    at = writeLevels(target, at, tick.bids);
    at = writeLevels(target, at, tick.asks);
    at = writeOptional(target, at, tick.part);
    at = writeOptional(target, at, tick.parts);
    at = writeOptional(target, at, tick.checksum);
    if (tick.reason !== undefined) {
      target[at] = PRESENT;
      at = writeText(target, at + 1, tick.reason);
    } else at++;
    return at + NULLS_AFTER_DEPTH;
  }

  /** Not straight into the buffer: avsc may leave bytes behind the record's end, where zeros must lie. */
  private writeOther(tick: RawTick, number: number): number {
    const body = rawTickType.toBuffer(recordOfTick(tick, number));
    this.reserve(body.length);
    return this.end + body.copy(this.buffer, this.end);
  }

  /** Makes room for the whole tick and writes what every kind has. */
  private writeCommon(tick: RawTick, number: number, texts: number): number {
    const { exchange, symbol } = tick;
    const units = texts + exchange.length + symbol.length;
    if (!(units >= 0)) throw new TypeError("a text is missing or no string");
    this.reserve(WIDEST * units + FIXED);
    const target = this.buffer;
    target[this.end] = ZIGZAG_KIND[tick.kind];
    let at = writeText(target, this.end + 1, exchange);
    at = writeText(target, at, symbol);
    at = writeSafeLong(target, at, number);
    at = writeSafeLong(target, at, tick.exchangeTime);
    return writeSafeLong(target, at, tick.receiveTime);
  }

  private reserve(bytes: number): void {
    const needed = this.end + bytes + 1;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.alloc(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.end);
    this.buffer = larger;
  }
}

function writeSafeLong(target: Uint8Array, at: number, value: number): number {
  if (!Number.isSafeInteger(value) || value > LARGEST_LONG) throw new RangeError(`${value} is not a safe integer`);
  return writeLong(target, at, value);
}

function writeOptional(target: Uint8Array, at: number, value: number | undefined): number {
  if (value === undefined) return at + 1;
  target[at] = PRESENT;
  return writeSafeLong(target, at + 1, value);
}

function writeLevels(target: Buffer, at: number, levels: readonly LevelText[]): number {
  target[at] = PRESENT;
  if (levels.length === 0) return at + 2;
  let position = writeLong(target, at + 1, levels.length);
  for (const level of levels) {
    // the inner array: two items, then a zero, which lies there already
    target[position] = 4;
    position = writeText(target, position + 1, level[0]);
    position = writeText(target, position, level[1]) + 1;
  }
  return position + 1;
}

/** UTF-16 units of the levels' texts, enlarged by what their lengths and array marks take. */
function textsOf(levels: readonly LevelText[]): number {
  let length = levels.length * AROUND_TEXT;
  for (const level of levels) length += level[0].length + level[1].length;
  return length;
}

function sideCode(side: TradeTick["side"]): number {
  if (side === "buy") return 0;
  if (side === "sell") return 2;
  throw new TypeError(`${String(side)} is no side`);
}

function actionCode(action: DepthTick["action"]): number {
  const index = DEPTH_ACTIONS.indexOf(action);
  if (index < 0) throw new TypeError(`${String(action)} is no depth action`);
  return index;
}
