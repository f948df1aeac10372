import { BOOK_STATES } from "../../schemas/avro/depth.js";
import { SIDES } from "../../schemas/avro/raw-batch.js";
import { AvroCursor } from "../../schemas/avro-cursor.js";
import { writeUnits } from "../../schemas/units.js";
import { asBuffer, schemaIdOf, WIRE_HEAD } from "../../schemas/wire.js";
import type { Micros } from "../../schemas/words.js";
import { amountScale, precision, valueScale } from "./row-text.js";
import type { StoredTopic } from "./store.js";

const TAB = 9;
const NEWLINE = 10;
const QUOTE = 39;
const COMMA = 44;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const BACKSLASH = 92;
const NULL = Buffer.from("\\N");
const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");
const sides = SIDES.map((side) => Buffer.from(side));
const bookStates = BOOK_STATES.map((state) => Buffer.from(state));
/** What a control character or backslash becomes; 0 where it stays. */
const escaped = new Uint8Array(128);
for (const [from, to] of ["\0" + "0", "\b" + "b", "\tt", "\nn", "\ff", "\rr", "\\\\"].map((pair) => [
  pair.charCodeAt(0),
  pair.charCodeAt(1),
])) {
  if (from !== undefined && to !== undefined) escaped[from] = to;
}

/** A row grows to at most so many times its record, and a little. */
const growth = 8;
const slack = 256;

/** A value that its column does not keep: `rowTexts` says which. */
class Unfit extends Error {}
const unfit = new Unfit();

/**
 * Rows straight from the records of the busy topics: Avro in, TabSeparated out, bytes to bytes, with the same checks as
 * `rowTexts`. Everything unusual (another schema, damage, a value that does not fit) is left to the slow way.
 */
export class RowTranscoder extends AvroCursor {
  private out = Buffer.allocUnsafeSlow(1 << 20);
  private outAt = 0;
  private readonly row: (() => void) | undefined;
  /** What stands behind a record's times. */
  private readonly rest: (() => void) | undefined;

  /** @param schemaId of the records that are read the fast way; those of topics with few records never are */
  constructor(
    topic: StoredTopic,
    private readonly schemaId: number,
  ) {
    super();
    const rows: { readonly [Topic in StoredTopic]?: () => void } = {
      "market.trade": this.trade,
      "market.ticker": this.ticker,
      "market.depth": this.depth,
      "market.kline": this.kline,
    };
    this.row = rows[topic];
    this.rest = topic === "market.trade" ? this.restOfTrade : undefined;
  }

  /** Bytes of the rows so far. */
  get length(): number {
    return this.outAt;
  }

  /**
   * Appends the row of a record's wire value.
   *
   * @param sentAt when the record left for the log, µs
   * @returns false, having appended nothing, when the slow way must see it
   */
  append(wireValue: Uint8Array, sentAt: Micros): boolean {
    if (this.row === undefined) return false;
    const before = this.outAt;
    try {
      if (schemaIdOf(wireValue) !== this.schemaId) return false;
      this.bytes = asBuffer(wireValue);
      this.at = WIRE_HEAD;
      this.end = wireValue.length;
      this.reserve(wireValue.length * growth + slack);
      this.row();
      this.time(this.long());
      this.time(this.long());
      this.time(sentAt);
      this.rest?.();
      if (this.at !== this.end) throw unfit;
      this.out[this.outAt - 1] = NEWLINE;
      return true;
    } catch {
      this.outAt = before;
      return false;
    }
  }

  /** Appends a row that was made otherwise. */
  appendText(row: string): void {
    this.reserve(row.length * 3);
    this.outAt += this.out.write(row, this.outAt, "utf8");
  }

  /** Hands the rows over and starts anew. */
  take(): Buffer {
    const rows = this.out.subarray(0, this.outAt);
    this.out = Buffer.allocUnsafeSlow(Math.max(1 << 20, this.outAt + (this.outAt >> 3)));
    this.outAt = 0;
    return rows;
  }

  private reserve(more: number): void {
    if (this.outAt + more <= this.out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.out.length * 2, this.outAt + more));
    larger.set(this.out.subarray(0, this.outAt));
    this.out = larger;
  }

  private trade(): void {
    this.string();
    this.string();
    this.string();
    this.decimal(valueScale);
    this.decimal(valueScale);
    this.word(sides[this.symbolOf(sides.length)]!);
    this.stream();
    if (this.present()) this.string();
    else this.word(NULL);
  }

  private restOfTrade(): void {
    for (let field = 0; field < 2; field += 1) {
      if (this.present()) this.integer();
      else this.word(NULL);
    }
    this.strings();
  }

  private ticker(): void {
    this.string();
    this.string();
    for (let field = 0; field < 6; field += 1) this.nullableDecimal(valueScale);
    this.nullableDecimal(amountScale);
    for (let field = 0; field < 5; field += 1) this.nullableDecimal(valueScale);
    if (this.present()) this.strings();
    else this.word(EMPTY_LIST);
    this.stream();
  }

  private depth(): void {
    this.string();
    this.string();
    this.levels();
    this.levels();
    this.integer();
    this.integer();
    this.word(this.flag() ? TRUE : FALSE);
    this.word(bookStates[this.symbolOf(bookStates.length)]!);
    if (this.present()) this.string();
    else this.word(NULL);
    this.stream();
    this.integer();
  }

  private kline(): void {
    this.string();
    this.string();
    this.string();
    this.time(this.long());
    this.time(this.long());
    for (let field = 0; field < 5; field += 1) this.decimal(valueScale);
    this.decimal(amountScale);
    this.integer();
    this.decimal(valueScale);
    this.decimal(amountScale);
    this.word(this.flag() ? TRUE : FALSE);
    this.integer();
    this.strings();
    this.stream();
  }

  private stream(): void {
    this.time(this.long());
    this.integer();
    this.integer();
  }

  private put(byte: number): void {
    this.out[this.outAt++] = byte;
  }

  private word(text: Buffer): void {
    const { out } = this;
    let at = this.outAt;
    for (let index = 0; index < text.length; index += 1) out[at++] = text[index]!;
    out[at++] = TAB;
    this.outAt = at;
  }

  private string(): void {
    this.characters();
    this.put(TAB);
  }

  private characters(): void {
    const start = this.text();
    const { bytes, out, at: end } = this;
    let at = this.outAt;
    for (let index = start; index < end; index += 1) {
      const byte = bytes[index]!;
      const letter = byte < 32 || byte === BACKSLASH ? escaped[byte]! : 0;
      if (letter === 0) out[at++] = byte;
      else {
        out[at++] = BACKSLASH;
        out[at++] = letter;
      }
    }
    this.outAt = at;
  }

  /** A string within an array; one with a quote goes the slow way. */
  private quoted(): void {
    this.put(QUOTE);
    const from = this.outAt;
    this.characters();
    for (let at = from; at < this.outAt; at += 1) if (this.out[at] === QUOTE) throw unfit;
    this.put(QUOTE);
  }

  private strings(): void {
    this.put(91);
    let first = true;
    for (let count = this.block(1); count > 0; count = this.block(1)) {
      for (; count > 0; count -= 1) {
        if (!first) this.put(COMMA);
        first = false;
        this.quoted();
      }
    }
    this.put(93);
    this.put(TAB);
  }

  private nullableDecimal(scale: number): void {
    if (this.present()) this.decimal(scale);
    else this.word(NULL);
  }

  private decimal(scale: number): void {
    this.digits(scale);
    this.put(TAB);
  }

  /** The same rule as `decimal` of row-text. */
  private digits(scale: number): void {
    const start = this.text();
    const { bytes, out, at: end } = this;
    let to = this.outAt;
    let from = start;
    if (from < end && bytes[from] === MINUS) {
      out[to++] = MINUS;
      from += 1;
    }
    const first = from;
    let point = -1;
    for (; from < end; from += 1) {
      const byte = bytes[from]!;
      if (byte < ZERO || byte > 57) {
        if (byte !== POINT || point >= 0) throw unfit;
        point = from;
      }
      out[to++] = byte;
    }
    const whole = (point < 0 ? end : point) - first;
    const decimals = point < 0 ? 0 : end - point - 1;
    if (whole === 0 || (point >= 0 && decimals === 0) || decimals > scale || whole > precision - scale) throw unfit;
    this.outAt = to;
  }

  private levels(): void {
    this.put(91);
    let first = true;
    for (let count = this.block(1); count > 0; count = this.block(1)) {
      for (; count > 0; count -= 1) {
        if (!first) this.put(COMMA);
        first = false;
        this.put(40);
        if (this.block(1) !== 2) throw unfit;
        this.put(QUOTE);
        this.digits(valueScale);
        this.put(QUOTE);
        this.put(COMMA);
        this.put(QUOTE);
        this.digits(valueScale);
        this.put(QUOTE);
        if (this.block(1) !== 0) throw unfit;
        this.put(41);
      }
    }
    this.put(93);
    this.put(TAB);
  }

  private integer(): void {
    this.outAt = writeUnits(this.out, this.outAt, this.long(), 0);
    this.put(TAB);
  }

  /** Ten digits of seconds, six of microseconds. */
  private time(micros: Micros): void {
    if (micros < 0) throw unfit;
    const seconds = Math.floor(micros / 1e6);
    this.padded(seconds, 10);
    this.put(POINT);
    this.padded(micros - seconds * 1e6, 6);
    this.put(TAB);
  }

  private padded(value: number, digits: number): void {
    const { out } = this;
    let rest = value;
    for (let at = this.outAt + digits - 1; at >= this.outAt; at -= 1) {
      const tenth = Math.floor(rest / 10);
      out[at] = ZERO + (rest - tenth * 10);
      rest = tenth;
    }
    this.outAt += digits;
  }
}

const EMPTY_LIST = Buffer.from("[]");
