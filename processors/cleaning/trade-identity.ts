import { power } from "../../schemas/safe-integers.js";
import { isLater } from "../../schemas/time-resolution.js";
import { formatUnits, type Units } from "../../schemas/units.js";
import type { Micros } from "../../schemas/words.js";
import { type FillContent, RecentFills, type RecentFillsJson } from "./recent-fills.js";
import { TradeIds, type TradeIdsJson } from "./trade-ids.js";

/** What a trade is, by its id and by what it says. */
export const NEW = 0;
/** It was taken in before. */
export const REPEAT = 1;
/** Some of the fills that it sums were taken in before. */
export const OVERLAP = 2;
/** Another trade had its id before. */
export const ANOTHER = 3;
/** The venue's ids have begun again with it, or shortly before it. */
export const NEW_RUN = 4;
export type Identity = typeof NEW | typeof REPEAT | typeof OVERLAP | typeof ANOTHER | typeof NEW_RUN;

export interface TradeIdentityJson extends TradeIdsJson {
  /** Missing, as all below, in states of before there were any. */
  readonly recent?: RecentFillsJson;
  readonly newest?: Micros;
  readonly former?: number;
  readonly runSince?: Micros;
  readonly again?: readonly [count: number, id: number, untimed: number, ...streak: number[]];
  readonly interrupted?: boolean;
  /** The ids of the run before. */
  readonly before?: TradeIdsJson;
  readonly falls?: number;
  readonly last?: number;
  readonly unordered?: boolean;
}

/** So many in a row below the highest id are a new run; after an interruption the first is. */
const RUN_OF = 3;
/** So many in a row, where the venue gives no times: a repeated history looks like a new run. */
const UNTIMED_RUN_OF = 100;
/** Of a row so many are held. */
const MOST_STREAK = 64;
/** Ids that begin again fall once; with so many falls among the newest 32 trades no run begins. */
const MOST_FALLS_OF_A_RUN = 2;
/** With so many they have no order. */
const FALLS_WITHOUT_ORDER = 6;

/**
 * Which trade is which. An id alone does not tell: some venues give one to all fills of an order, and ids begin again
 * after a venue's maintenance. Two trades of one id are two where price, quantity or side differ, or where the time
 * differs by more than the coarser of both is written with; what was fetched is never new for its time alone. Of an id
 * whose trade is not remembered any more, a trade is another if it is later than the newest that is known. Ids that rise
 * and fall are told by themselves from ids that begin again: they are remembered one by one, as texts are.
 */
export class TradeIdentity {
  readonly #ids = new TradeIds();
  readonly #recent = new RecentFills();
  /** Exchange time of the trade with the highest id, or of the newest where ids are texts. */
  #newest: Micros = 0;
  /** The highest id of the runs before; -1 in the first. */
  #former = -1;
  /** The ids of the run before this one. */
  #before: TradeIds | undefined;
  #runSince: Micros = 0;
  /** Trades in a row that are later than the newest, by rising ids that are not above it. */
  #again = 0;
  #lastAgain = -1;
  /** [first, last] of those in a row, laid flat. */
  #streak: number[] = [];
  #untimed = 0;
  #interrupted = false;
  /** A bit for each of the newest 32 trades that are later than all before: whether its id is below the one before. */
  #falls = 0;
  #last = -1;
  #isUnordered = false;

  /** The connection was lost, or another session reads the venue: ids may begin again. */
  interrupted(): void {
    this.#interrupted = true;
  }

  /**
   * Takes in a trade with a numeric id, or a sum of fills from `first` to `last`.
   *
   * @param key by which it is remembered: its id; of a sum another number
   */
  takeNumber(first: number, last: number, key: number, content: FillContent): Identity {
    if (this.#isUnordered) return this.#takeUnordered(first, key, content);
    const ids = this.#ids;
    // in the shadow of a former run a repeat would be older than the newest
    const { time, isTimed } = content;
    if (first > ids.highest && (last > this.#former || (isTimed && isLater(time, this.#newest)))) {
      this.#again = 0;
      this.#interrupted = false;
      this.#falls <<= 1;
      this.#last = last;
      ids.takeRange(first, last);
      this.#newest = time;
      this.#recent.add(key, content.hash, time);
      return NEW;
    }
    return this.#takeOther(first, last, key, content);
  }

  #takeOther(first: number, last: number, key: number, content: FillContent): Identity {
    // in the shadow of a former run an id says nothing: what is older than this run belongs to that
    const isOfFormer = last <= this.#former && isLater(this.#runSince, content.time);
    const ids = isOfFormer ? this.#before : this.#ids;
    const unseen = ids?.unseen(first, last) ?? 0;
    const isUnseen = unseen === last - first + 1;
    const known = this.#recent.look(key, content);
    if (known === "same" || (known === "another" && isOfFormer && !isUnseen)) return REPEAT;
    const isLaterThanAll = this.#isLaterThanAll(content);
    if (known === "unknown" && !isUnseen && !isLaterThanAll) {
      return this.#untimedRun(first, last, key, content) ?? (unseen === 0 ? REPEAT : OVERLAP);
    }
    const isAbove = first > this.#ids.highest && !isOfFormer;
    this.#recent.add(key, content.hash, content.time);
    if (isUnseen) ids!.takeRange(first, last);
    if (isAbove) this.#newest = content.time;
    if (isLaterThanAll) {
      this.#fell(first < this.#last);
      this.#last = last;
      if (!isAbove && !this.#isUnordered && this.#goesOn(first, last)) return this.#begin(content.time);
    }
    return known === "unknown" && isUnseen ? NEW : ANOTHER;
  }

  /** Ids that have no order are remembered one by one, beside those that were held as ranges. */
  #takeUnordered(id: number, key: number, content: FillContent): Identity {
    const known = this.#recent.look(key, content);
    if (known === "same") return REPEAT;
    const isNew = this.#ids.takeText(String(key)) && !this.#ids.hasNumber(id) && this.#before?.hasNumber(id) !== true;
    if (known === "unknown" && !isNew && !this.#isLaterThanAll(content)) return REPEAT;
    this.#recent.add(key, content.hash, content.time);
    this.#newest = Math.max(this.#newest, content.time);
    return isNew ? NEW : ANOTHER;
  }

  #fell(isFall: boolean): void {
    this.#falls = (this.#falls << 1) | (isFall ? 1 : 0);
    if (!isFall || this.#isUnordered || bits(this.#falls) < FALLS_WITHOUT_ORDER) return;
    this.#isUnordered = true;
    this.#newest = Math.max(this.#newest, this.#recent.newest);
    for (const key of this.#recent.keys()) this.#ids.takeText(String(key));
    // of a state from before ids were watched so: what was forgotten there counts as seen
    if (!this.#ids.isFull) return;
    this.#ids.begin();
    this.#before = undefined;
  }

  #isLaterThanAll({ time, isTimed, isFetched }: FillContent): boolean {
    return isTimed && !isFetched && isLater(time, this.#newest);
  }

  /** @returns whether it is one of so many that the ids have begun again */
  #goesOn(first: number, last: number): boolean {
    this.#again = first > this.#lastAgain ? this.#again + 1 : 1;
    if (this.#again === 1) this.#streak = [];
    if (this.#streak.length < 2 * MOST_STREAK) this.#streak.push(first, last);
    this.#lastAgain = last;
    return (this.#again >= RUN_OF || this.#interrupted) && bits(this.#falls) <= MOST_FALLS_OF_A_RUN;
  }

  #untimedRun(first: number, last: number, key: number, content: FillContent): Identity | undefined {
    if (content.isTimed || content.isFetched) return undefined;
    this.#untimed = first > this.#lastAgain ? this.#untimed + 1 : 1;
    this.#lastAgain = last;
    // those before were refused, and may be fetched
    this.#streak = [first, last];
    if (this.#untimed < UNTIMED_RUN_OF) return undefined;
    this.#recent.add(key, content.hash, content.time);
    return this.#begin(content.time);
  }

  #begin(time: Micros): Identity {
    this.#former = Math.max(this.#former, this.#ids.highest);
    this.#runSince = time;
    this.#newest = time;
    this.#again = 0;
    this.#untimed = 0;
    this.#lastAgain = -1;
    this.#interrupted = false;
    this.#before = this.#ids.begin();
    for (let at = 0; at < this.#streak.length; at += 2) this.#ids.takeRange(this.#streak[at]!, this.#streak[at + 1]!);
    this.#streak = [];
    return NEW_RUN;
  }

  /** How many of the ids from `first` to `last` were not seen in this run. */
  unseen(first: number, last: number): number {
    return this.#ids.unseen(first, last);
  }

  /** Takes in a trade whose id is no number. */
  takeText(id: string, content: FillContent): Identity {
    const isNew = this.#ids.takeText(id);
    const known = isNew ? "unknown" : this.#recent.look(id, content);
    if (known === "same" || (known === "unknown" && !isNew && !this.#isLaterThanAll(content))) return REPEAT;
    this.#recent.add(id, content.hash, content.time);
    this.#newest = Math.max(this.#newest, content.time);
    return isNew ? NEW : ANOTHER;
  }

  /** Takes in a trade that a chain knows by its id alone. @returns false when it was seen before */
  takeFinal(id: string): boolean {
    return this.#ids.takeText(id);
  }

  /** The trade was taken back: it may come again. @returns false when it is not known */
  forget(id: string): boolean {
    return this.#ids.forgetText(id);
  }

  save(): TradeIdentityJson {
    return {
      ...this.#ids.save(),
      recent: this.#recent.save(),
      newest: this.#newest,
      ...(this.#former >= 0 && { former: this.#former, runSince: this.#runSince }),
      ...(this.#again + this.#untimed > 0 && {
        again: [this.#again, this.#lastAgain, this.#untimed, ...this.#streak] as const,
      }),
      ...(this.#interrupted && { interrupted: true }),
      ...(this.#before !== undefined && { before: this.#before.save() }),
      ...(this.#falls !== 0 && { falls: this.#falls }),
      ...(this.#isUnordered && { unordered: true }),
      last: this.#last,
    };
  }

  load(saved: TradeIdentityJson): void {
    this.#ids.load(saved);
    if (saved.recent !== undefined) this.#recent.load(saved.recent);
    this.#newest = saved.newest ?? 0;
    this.#former = saved.former ?? -1;
    this.#runSince = saved.runSince ?? 0;
    [this.#again, this.#lastAgain, this.#untimed, ...this.#streak] = saved.again ?? [0, -1, 0];
    this.#interrupted = saved.interrupted ?? false;
    this.#before = saved.before === undefined ? undefined : new TradeIds();
    if (saved.before !== undefined) this.#before!.load(saved.before);
    this.#falls = saved.falls ?? 0;
    this.#last = saved.last ?? saved.highest;
    this.#isUnordered = saved.unordered ?? false;
  }
}

function bits(word: number): number {
  let count = 0;
  for (let left = word; left !== 0; left &= left - 1) count++;
  return count;
}

const doubles = new Float64Array(2);
const words = new Int32Array(doubles.buffer);

/** 32 bits of price, quantity and side, whatever the scales; equal values have equal ones. */
export function contentHash(price: Units, priceScale: number, qty: Units, qtyScale: number, buy: boolean): number {
  doubles[0] = doubleOf(price, priceScale);
  doubles[1] = doubleOf(qty, qtyScale);
  let hash = Math.imul(words[0]! ^ (buy ? 0x2c1b3c6d : 0x165667b1), 0x85ebca6b);
  hash = Math.imul((hash ^ (hash >>> 15)) + words[1]!, 0xc2b2ae35);
  hash = Math.imul((hash ^ (hash >>> 13)) + words[2]!, 0x27d4eb2f);
  hash = Math.imul((hash ^ (hash >>> 16)) + words[3]!, 0x9e3779b1);
  return hash ^ (hash >>> 15);
}

/** The nearest double: of both forms of one value the same. */
function doubleOf(units: Units, scale: number): number {
  return typeof units === "number" && scale <= 22 ? units / power(scale) : Number(formatUnits(units, scale));
}
