import { addUnits, rescaleUnits, type Units, type UnitsJson, unitsFromJson, unitsToJson } from "../../schemas/units.js";
import type { Micros } from "../../schemas/words.js";

/**
 * One candle in integers. Open and close go by (exchange time, trade id, position): an earlier trade that comes late
 * becomes the open, of equal ones the first to come opens and the last closes.
 */
export class Candle {
  openTime: Micros;
  open: Units = 0;
  high: Units = 0;
  low: Units = 0;
  close: Units = 0;
  /** Exchange time and id of the trades that opened and closed it. */
  openedAt: Micros = 0;
  openedId = 0;
  closedAt: Micros = 0;
  closedId = 0;
  volume: Units = 0;
  quoteVolume: Units = 0;
  buyVolume: Units = 0;
  buyQuoteVolume: Units = 0;
  count = 0;
  /** Emissions so far. */
  revision = 0;
  flags = 0;
  /** Has trades that no emission has shown yet. */
  changed = false;

  constructor(openTime: Micros) {
    this.openTime = openTime;
  }

  /** @param amount price · qty, quote currency */
  add(price: Units, qty: Units, amount: Units, buy: boolean, time: Micros, id: number): void {
    if (this.count === 0) {
      this.open = price;
      this.high = price;
      this.low = price;
      this.close = price;
      this.openedAt = time;
      this.openedId = id;
      this.closedAt = time;
      this.closedId = id;
    } else {
      if (price > this.high) this.high = price;
      else if (price < this.low) this.low = price;
      if (time > this.closedAt || (time === this.closedAt && id >= this.closedId)) {
        this.close = price;
        this.closedAt = time;
        this.closedId = id;
      } else if (time < this.openedAt || (time === this.openedAt && id < this.openedId)) {
        this.open = price;
        this.openedAt = time;
        this.openedId = id;
      }
    }
    this.volume = addUnits(this.volume, qty);
    this.quoteVolume = addUnits(this.quoteVolume, amount);
    if (buy) {
      this.buyVolume = addUnits(this.buyVolume, qty);
      this.buyQuoteVolume = addUnits(this.buyQuoteVolume, amount);
    }
    this.count++;
    this.changed = true;
  }

  /** Takes in a candle of a shorter interval; revisions stay apart. */
  merge(part: Candle): void {
    this.flags |= part.flags;
    if (part.count === 0) return;
    if (this.count === 0) {
      this.high = part.high;
      this.low = part.low;
    } else {
      if (part.high > this.high) this.high = part.high;
      if (part.low < this.low) this.low = part.low;
    }
    if (this.count === 0 || earlier(part.openedAt, part.openedId, this.openedAt, this.openedId)) {
      this.open = part.open;
      this.openedAt = part.openedAt;
      this.openedId = part.openedId;
    }
    if (this.count === 0 || !earlier(part.closedAt, part.closedId, this.closedAt, this.closedId)) {
      this.close = part.close;
      this.closedAt = part.closedAt;
      this.closedId = part.closedId;
    }
    this.volume = addUnits(this.volume, part.volume);
    this.quoteVolume = addUnits(this.quoteVolume, part.quoteVolume);
    this.buyVolume = addUnits(this.buyVolume, part.buyVolume);
    this.buyQuoteVolume = addUnits(this.buyQuoteVolume, part.buyQuoteVolume);
    this.count += part.count;
  }

  /** Becomes a copy, so that a view can be merged without touching what is held. */
  assign(other: Candle): void {
    this.openTime = other.openTime;
    this.flags = 0;
    this.count = 0;
    this.open = 0;
    this.high = 0;
    this.low = 0;
    this.close = 0;
    this.volume = 0;
    this.quoteVolume = 0;
    this.buyVolume = 0;
    this.buyQuoteVolume = 0;
    this.merge(other);
    this.revision = other.revision;
  }

  /** A quiet interval: all four prices are the previous close. */
  flatten(price: Units): void {
    this.open = price;
    this.high = price;
    this.low = price;
    this.close = price;
  }

  rescale(price: number, qty: number, quote: number): void {
    this.open = rescaleUnits(this.open, 0, price);
    this.high = rescaleUnits(this.high, 0, price);
    this.low = rescaleUnits(this.low, 0, price);
    this.close = rescaleUnits(this.close, 0, price);
    this.volume = rescaleUnits(this.volume, 0, qty);
    this.buyVolume = rescaleUnits(this.buyVolume, 0, qty);
    this.quoteVolume = rescaleUnits(this.quoteVolume, 0, quote);
    this.buyQuoteVolume = rescaleUnits(this.buyQuoteVolume, 0, quote);
  }

  save(): CandleJson {
    return [
      this.openTime,
      unitsToJson(this.open),
      unitsToJson(this.high),
      unitsToJson(this.low),
      unitsToJson(this.close),
      this.openedAt,
      this.openedId,
      this.closedAt,
      this.closedId,
      unitsToJson(this.volume),
      unitsToJson(this.quoteVolume),
      unitsToJson(this.buyVolume),
      unitsToJson(this.buyQuoteVolume),
      this.count,
      this.revision,
      this.flags,
      this.changed ? 1 : 0,
    ];
  }

  static load(saved: CandleJson): Candle {
    const candle = new Candle(saved[0] as number);
    candle.open = unitsFromJson(saved[1]!);
    candle.high = unitsFromJson(saved[2]!);
    candle.low = unitsFromJson(saved[3]!);
    candle.close = unitsFromJson(saved[4]!);
    candle.openedAt = saved[5] as number;
    candle.openedId = saved[6] as number;
    candle.closedAt = saved[7] as number;
    candle.closedId = saved[8] as number;
    candle.volume = unitsFromJson(saved[9]!);
    candle.quoteVolume = unitsFromJson(saved[10]!);
    candle.buyVolume = unitsFromJson(saved[11]!);
    candle.buyQuoteVolume = unitsFromJson(saved[12]!);
    candle.count = saved[13] as number;
    candle.revision = saved[14] as number;
    candle.flags = saved[15] as number;
    candle.changed = saved[16] === 1;
    return candle;
  }
}

export type CandleJson = readonly UnitsJson[];

function earlier(time: Micros, id: number, thanTime: Micros, thanId: number): boolean {
  return time < thanTime || (time === thanTime && id < thanId);
}
