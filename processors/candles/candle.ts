import {
  addUnits,
  rescaleUnits,
  subtractUnits,
  type Units,
  type UnitsJson,
  unitsFromJson,
  unitsToJson,
} from "../../schemas/units.js";
import type { Micros } from "../../schemas/words.js";
import {
  loadTentative,
  MOST_TENTATIVE,
  rescaleTentative,
  saveTentative,
  TENTATIVE_FOR,
  type TentativeJson,
  type TentativeTrade,
} from "./tentative-trade.js";

/** Bits of `Candle.unshown`: short intervals have not shown it, long ones have not. */
export const UNSHOWN_SHORT = 2;
export const UNSHOWN_LONG = 4;
const UNSHOWN = UNSHOWN_SHORT | UNSHOWN_LONG;
/** What a saved candle says where all intervals were shown together. */
const UNSHOWN_BY_ANY = 1;

/**
 * One candle in integers. Open and close go by (exchange time, trade id, position): an earlier trade that comes late
 * becomes the open, of equal ones the first to come opens and the last closes.
 *
 * A candle with trades that may be taken back also knows what it is without them: their sum is what it shows.
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
  /** Which emissions have not shown its newest trades yet: bits, as in `UNSHOWN`. */
  unshown = 0;
  /** What it is without its tentative trades; undefined while it has had none. */
  #firm: Candle | undefined;
  /** Trades that may be taken back, in the order in which they came. */
  #tentative: TentativeTrade[] = [];

  constructor(openTime: Micros) {
    this.openTime = openTime;
  }

  /**
   * @param amount price · qty, quote currency
   * @param fills  trades that it stands for
   */
  add(price: Units, qty: Units, amount: Units, buy: boolean, time: Micros, id: number, fills: number): void {
    if (this.#firm !== undefined) {
      this.#firm.#sum(price, qty, amount, buy, time, id);
      this.#firm.count += fills - 1;
    }
    this.#sum(price, qty, amount, buy, time, id);
    this.count += fills - 1;
  }

  #sum(price: Units, qty: Units, amount: Units, buy: boolean, time: Micros, id: number): void {
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
    this.unshown = UNSHOWN;
  }

  /** Adds a trade that may be taken back. Such trades have no numeric id: of one time the last to come closes. */
  addTentative(trade: TentativeTrade): void {
    if (this.#firm === undefined) this.#firm = this.#copy();
    this.#tentative.push(trade);
    if (this.#tentative.length > MOST_TENTATIVE) this.#settle(1);
    const { price, qty, amount, buy, time } = trade;
    this.#sum(price, qty, amount, buy, time, NO_ID);
  }

  /**
   * Takes a tentative trade back: the candle becomes what it would be without it. Without any trade left it stays flat
   * at the price of the last one.
   *
   * @param now log time
   * @returns false when it has no such trade that may still be taken back
   */
  retract(id: string, now: Micros): boolean {
    const at = this.#tentative.findLastIndex((trade) => trade.id === id);
    const trade = this.#tentative[at];
    if (trade === undefined || now - trade.seen > TENTATIVE_FOR) return false;
    this.#tentative.splice(at, 1);
    this.volume = subtractUnits(this.volume, trade.qty);
    this.quoteVolume = subtractUnits(this.quoteVolume, trade.amount);
    if (trade.buy) {
      this.buyVolume = subtractUnits(this.buyVolume, trade.qty);
      this.buyQuoteVolume = subtractUnits(this.buyQuoteVolume, trade.amount);
    }
    this.count--;
    this.unshown = UNSHOWN;
    if (this.count === 0) this.flatten(trade.price);
    else this.#reprice();
    return true;
  }

  /** Open, high, low and close anew: of what is firm, then of the tentative trades in their order. */
  #reprice(): void {
    const prices = this.#firm!.#copy();
    for (const { price, time } of this.#tentative) prices.#sum(price, 0, 0, false, time, NO_ID);
    this.open = prices.open;
    this.high = prices.high;
    this.low = prices.low;
    this.close = prices.close;
    this.openedAt = prices.openedAt;
    this.openedId = prices.openedId;
    this.closedAt = prices.closedAt;
    this.closedId = prices.closedId;
  }

  /** The oldest so many tentative trades are firm from here on. */
  #settle(count: number): void {
    for (const { price, qty, amount, buy, time } of this.#tentative.splice(0, count)) {
      this.#firm!.#sum(price, qty, amount, buy, time, NO_ID);
    }
  }

  #copy(): Candle {
    const copy = new Candle(this.openTime);
    copy.#mergeSums(this);
    return copy;
  }

  /** Takes in a candle of a shorter interval, with its tentative trades; revisions stay apart. */
  merge(part: Candle): void {
    if (part.#firm !== undefined || this.#firm !== undefined) {
      this.#firm ??= this.#copy();
      this.#firm.#mergeSums(part.#firm ?? part);
      for (const trade of part.#tentative) this.#tentative.push({ ...trade });
      if (this.#tentative.length > MOST_TENTATIVE) this.#settle(this.#tentative.length - MOST_TENTATIVE);
    }
    this.mergeShown(part);
  }

  /** Takes in what a candle of a shorter interval shows: for a view that is thrown away. */
  mergeShown(part: Candle): void {
    this.flags |= part.flags;
    this.#mergeSums(part);
  }

  #mergeSums(part: Candle): void {
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
    this.mergeShown(other);
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
    this.#firm?.rescale(price, qty, quote);
    for (const trade of this.#tentative) rescaleTentative(trade, price, qty, quote);
  }

  /** @param now log time: what can not be taken back any more needs no place */
  save(now: Micros): CandleJson {
    if (this.#firm === undefined) return this.#save();
    const young = this.#tentative.findIndex(({ seen }) => now - seen <= TENTATIVE_FOR);
    this.#settle(young < 0 ? this.#tentative.length : young);
    if (this.#tentative.length === 0) {
      this.#firm = undefined;
      return this.#save();
    }
    return [...this.#save(), { firm: this.#firm.#save(), tentative: this.#tentative.map(saveTentative) }];
  }

  #save(): UnitsJson[] {
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
      this.unshown,
    ];
  }

  static load(saved: CandleJson): Candle {
    const candle = new Candle(saved[0] as number);
    candle.open = unitsFromJson(saved[1] as UnitsJson);
    candle.high = unitsFromJson(saved[2] as UnitsJson);
    candle.low = unitsFromJson(saved[3] as UnitsJson);
    candle.close = unitsFromJson(saved[4] as UnitsJson);
    candle.openedAt = saved[5] as number;
    candle.openedId = saved[6] as number;
    candle.closedAt = saved[7] as number;
    candle.closedId = saved[8] as number;
    candle.volume = unitsFromJson(saved[9] as UnitsJson);
    candle.quoteVolume = unitsFromJson(saved[10] as UnitsJson);
    candle.buyVolume = unitsFromJson(saved[11] as UnitsJson);
    candle.buyQuoteVolume = unitsFromJson(saved[12] as UnitsJson);
    candle.count = saved[13] as number;
    candle.revision = saved[14] as number;
    candle.flags = saved[15] as number;
    candle.unshown = saved[16] === UNSHOWN_BY_ANY ? UNSHOWN : (saved[16] as number);
    const rest = saved[17] as TentativeRest | undefined;
    if (rest !== undefined) {
      candle.#firm = Candle.load(rest.firm);
      candle.#tentative = rest.tentative.map(loadTentative);
    }
    return candle;
  }
}

interface TentativeRest {
  readonly firm: CandleJson;
  readonly tentative: readonly TentativeJson[];
}

export type CandleJson = readonly (UnitsJson | TentativeRest)[];

const NO_ID = -1;

function earlier(time: Micros, id: number, thanTime: Micros, thanId: number): boolean {
  return time < thanTime || (time === thanTime && id < thanId);
}
