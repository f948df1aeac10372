import {
  AGGREGATE_FIELDS,
  DEPTH_ACTIONS,
  DEPTH_FIELDS,
  OTHER_FIELDS,
  QUOTE_FIELDS,
  SIDES,
  TICK_KINDS,
  TICKER_FIELDS,
  TRADE_FIELDS,
} from "./avro/raw-batch.js";
import type { UnreadableRecord } from "./errors.js";
import { InternedTexts } from "./interned-texts.js";
import { rawTickType } from "./raw-batch-type.js";
import { type RawTickRecord, tickOfRecord } from "./raw-tick-record.js";
import { KIND_DEPTH, KIND_ORACLE, KIND_QUOTE, KIND_TRADE, RawTickView } from "./raw-tick-view.js";
import type { RawTick } from "./ticks.js";
import { asBuffer, WIRE_HEAD } from "./wire.js";

export * from "./raw-tick-view.js";

const BEFORE_QUOTE = TRADE_FIELDS.length;
const BEFORE_DEPTH = BEFORE_QUOTE + QUOTE_FIELDS.length;
const AFTER_DEPTH = BEFORE_DEPTH + DEPTH_FIELDS.length;
const FIELDS = AFTER_DEPTH + TICKER_FIELDS.length + OTHER_FIELDS.length;
const BEFORE_AGGREGATE = FIELDS - AGGREGATE_FIELDS.length;
/** What a nullable field holds; a number is an enum's count of symbols. */
type Shape = "string" | "long" | "boolean" | "levels" | "feeds" | "ill" | number;
const SHAPES = [...TRADE_FIELDS, ...QUOTE_FIELDS, ...DEPTH_FIELDS, ...TICKER_FIELDS, ...OTHER_FIELDS].map(
  ({ name, type }): Shape => {
    const value = (type as unknown[])[1] as Shape | { symbols?: string[] };
    if (typeof value !== "object") return value;
    return value.symbols?.length ?? (name === "feeds" || name === "ill" ? name : "levels");
  },
);
/** Bytes that a tick, and a level, take at least. */
const SHORTEST_TICK = 6 + FIELDS;
const SHORTEST_LEVEL = 4;

/** Reads a record of `market.raw` tick by tick, pulled by its caller. */
export class RawBatchReader extends RawTickView {
  private readonly names = new InternedTexts();
  private exchangeStart = 0;
  private exchangeEnd = 0;
  private tickStart = 0;
  private left = 0;
  private ended = true;

  /** @param schemaId the one this reader knows: that of the schema in schemas/avro/raw-batch.ts */
  constructor(private readonly schemaId: number) {
    super();
  }

  /**
   * Begins with a record; the ticks follow by next. The bytes must stay as they are until then.
   *
   * @throws UnreadableRecord TP_RECORD_UNREADABLE when it is garbage, truncated, or of another schema: what the codec
   *   of `market.raw` makes of it, encoded again, can be opened
   */
  open(wireValue: Uint8Array): void {
    this.start(wireValue, WIRE_HEAD);
    this.ended = true;
    if (this.end < WIRE_HEAD || this.bytes[0] !== 0) throw this.unreadable("no wire format");
    const id = this.bytes.readInt32BE(1);
    if (id !== this.schemaId) throw this.unreadable(`schema id ${id}, not ${this.schemaId},`);
    const start = this.text();
    this.session = this.names.text(this.bytes, start, this.at);
    this.ended = false;
  }

  /**
   * Steps to the next tick.
   *
   * @returns false at the end
   * @throws UnreadableRecord TP_RECORD_UNREADABLE when the bytes are not what the schema says; the ticks before hold
   */
  next(): boolean {
    if (this.left === 0) {
      if (this.ended) return false;
      this.left = this.block(SHORTEST_TICK);
      if (this.left === 0) {
        if (this.at !== this.end) throw this.unreadable("bytes behind its last tick");
        this.ended = true;
        return false;
      }
    }
    this.left--;
    this.index++;
    this.scan();
    return true;
  }

  /** The current tick as an object: for kinds off the hot path. */
  tick(): RawTick {
    // what the scan has accepted holds no length that avsc could run away with
    return tickOfRecord(rawTickType.fromBuffer(this.bytes.subarray(this.tickStart, this.at)) as RawTickRecord);
  }

  /** A copy of the current tick's Avro body. */
  original(): Uint8Array {
    return new Uint8Array(this.bytes.subarray(this.tickStart, this.at));
  }

  /** The text of bytes[start, end). */
  textAt(start: number, end: number): string {
    return this.bytes.toString("utf8", start, end);
  }

  /** Scans one tick without batch around it. @throws UnreadableRecord TP_RECORD_UNREADABLE */
  only(body: Uint8Array): void {
    this.start(body, 0);
    this.ended = true;
    this.index = 0;
    this.scan();
    if (this.at !== this.end) throw this.unreadable("bytes behind its tick");
  }

  /** Where its bytes are broken a record ends. */
  protected override unreadable(what: string): UnreadableRecord {
    this.left = 0;
    this.ended = true;
    return super.unreadable(what);
  }

  private start(bytes: Uint8Array, at: number): void {
    this.bytes = asBuffer(bytes);
    this.at = at;
    this.end = bytes.length;
    this.index = -1;
    this.left = 0;
    this.exchangeStart = 0;
    this.exchangeEnd = -1;
  }

  private scan(): void {
    this.tickStart = this.at;
    const kind = this.symbolOf(TICK_KINDS.length);
    this.kind = kind;
    this.readExchange();
    const start = this.text();
    this.symbol = this.names.text(this.bytes, start, this.at);
    this.number = this.long();
    this.exchangeTime = this.long();
    this.receiveTime = this.long();
    if (kind === KIND_TRADE) this.scanTrade();
    else if (kind === KIND_QUOTE) this.scanQuote();
    else if (kind === KIND_DEPTH) this.scanDepth();
    else if (kind === KIND_ORACLE) this.scanOracle();
    else this.skip(0, FIELDS);
  }

  /** Neighbours mostly come from one venue. */
  private readExchange(): void {
    const start = this.text();
    const length = this.at - start;
    const bytes = this.bytes;
    if (length === this.exchangeEnd - this.exchangeStart) {
      let same = 0;
      while (same < length && bytes[start + same] === bytes[this.exchangeStart + same]) same++;
      if (same === length) return;
    }
    this.exchangeStart = start;
    this.exchangeEnd = this.at;
    this.exchange = this.names.text(bytes, start, this.at);
  }

  private scanTrade(): void {
    this.required();
    this.priceStart = this.text();
    this.priceEnd = this.at;
    this.required();
    this.qtyStart = this.text();
    this.qtyEnd = this.at;
    this.required();
    this.tradeIdStart = this.text();
    this.tradeIdEnd = this.at;
    this.required();
    this.side = this.symbolOf(SIDES.length);
    this.backfilled = this.present() && this.flag();
    const retracts = this.present();
    this.retractsStart = retracts ? this.text() : -1;
    this.retractsEnd = retracts ? this.at : -1;
    this.firstTradeId = -1;
    this.lastTradeId = -1;
    if (this.nulls(FIELDS - BEFORE_QUOTE)) return;
    this.skip(BEFORE_QUOTE, BEFORE_AGGREGATE);
    this.firstTradeId = this.longOr(-1);
    this.lastTradeId = this.longOr(-1);
  }

  private scanQuote(): void {
    this.nullsOrSkip(0, BEFORE_QUOTE);
    this.required();
    this.bidPriceStart = this.text();
    this.bidPriceEnd = this.at;
    this.required();
    this.bidQtyStart = this.text();
    this.bidQtyEnd = this.at;
    this.required();
    this.askPriceStart = this.text();
    this.askPriceEnd = this.at;
    this.required();
    this.askQtyStart = this.text();
    this.askQtyEnd = this.at;
    this.updateId = this.longOr(-1);
    this.nullsOrSkip(BEFORE_DEPTH, FIELDS);
  }

  private scanDepth(): void {
    this.nullsOrSkip(0, BEFORE_DEPTH - 1);
    this.required();
    this.updateId = this.long();
    this.required();
    this.action = this.symbolOf(DEPTH_ACTIONS.length);
    this.required();
    this.firstUpdateId = this.long();
    this.previousUpdateId = this.longOr(-1);
    this.bidCount = this.readLevels(0);
    this.askCount = this.readLevels(this.bidCount);
    this.part = this.longOr(0);
    this.parts = this.longOr(1);
    this.longOr(0);
    this.reason = "";
    if (this.present()) {
      const start = this.text();
      this.reason = this.names.text(this.bytes, start, this.at);
    }
    this.nullsOrSkip(AFTER_DEPTH, FIELDS);
  }

  private scanOracle(): void {
    this.required();
    this.priceStart = this.text();
    this.priceEnd = this.at;
    this.skip(1, FIELDS);
  }

  private longOr(absent: number): number {
    return this.present() ? this.long() : absent;
  }

  /** Reads levels behind those already there and returns how many they were. */
  private readLevels(before: number): number {
    if (!this.present()) return 0;
    let count = 0;
    for (let left = this.block(SHORTEST_LEVEL); left > 0; left = this.block(SHORTEST_LEVEL)) {
      this.makeRoom(before + count + left);
      for (; left > 0; left--, count++) this.readLevel((before + count) * 4);
    }
    return count;
  }

  private readLevel(slot: number): void {
    if (this.byte() !== 4) throw this.unreadable("a level that is no pair");
    const levels = this.levels;
    levels[slot] = this.text();
    levels[slot + 1] = this.at;
    levels[slot + 2] = this.text();
    levels[slot + 3] = this.at;
    if (this.byte() !== 0) throw this.unreadable("a level that is no pair");
  }

  private makeRoom(levels: number): void {
    if (levels * 4 <= this.levels.length) return;
    const larger = new Int32Array(Math.max(levels * 4, this.levels.length * 2));
    larger.set(this.levels);
    this.levels = larger;
  }

  private nullsOrSkip(from: number, to: number): void {
    if (!this.nulls(to - from)) this.skip(from, to);
  }

  /** Steps over the nullable fields [from, to). */
  private skip(from: number, to: number): void {
    for (let field = from; field < to; field++) {
      if (this.present()) this.skipValue(SHAPES[field]!);
    }
  }

  private skipValue(shape: Shape): void {
    switch (shape) {
      case "string":
        this.text();
        return;
      case "long":
        this.long();
        return;
      case "boolean":
        this.flag();
        return;
      case "levels":
        this.readLevels(0);
        return;
      case "feeds":
        this.skipFeeds();
        return;
      case "ill":
        this.skipIll();
        return;
      default:
        this.symbolOf(shape);
    }
  }

  private skipIll(): void {
    for (let left = this.block(6); left > 0; left = this.block(6)) {
      for (; left > 0; left--) {
        for (let text = 0; text < 5; text++) this.text();
        this.long();
      }
    }
  }

  private skipFeeds(): void {
    for (let left = this.block(4); left > 0; left = this.block(4)) {
      for (; left > 0; left--) {
        this.text();
        this.text();
        this.flag();
        this.long();
      }
    }
  }
}

const forBodies = new RawBatchReader(0);

/**
 * The tick of an Avro body that `original` gave, e.g. out of a dead letter.
 *
 * @throws UnreadableRecord TP_RECORD_UNREADABLE
 */
export function decodeTick(body: Uint8Array): RawTick {
  forBodies.only(body);
  return forBodies.tick();
}
