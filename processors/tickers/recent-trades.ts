import { rescaleUnits, type Units, type UnitsJson, unitsFromJson, unitsToJson } from "../../schemas/units.js";
import type { Micros } from "../../schemas/words.js";
import {
  loadTentative,
  MOST_TENTATIVE,
  rescaleTentative,
  saveTentative,
  TENTATIVE_FOR,
  type TentativeJson,
  type TentativeTrade,
} from "../candles/tentative-trade.js";

export interface RecentTradesJson {
  readonly firm: readonly [price: UnitsJson, time: Micros] | null;
  readonly tentative: readonly TentativeJson[];
}

/** A market's trades that may be taken back, and the last one that may not: what a ticker goes back to. */
export class RecentTrades {
  #firm: { price: Units; readonly time: Micros } | undefined;
  #tentative: TentativeTrade[] = [];

  add(trade: TentativeTrade): void {
    this.#tentative.push(trade);
    if (this.#tentative.length > MOST_TENTATIVE) this.#settle(1);
  }

  /** @returns the trade that is taken back; undefined when it is not held any more */
  retract(id: string, now: Micros): TentativeTrade | undefined {
    const at = this.#tentative.findLastIndex((trade) => trade.id === id);
    const trade = this.#tentative[at];
    if (trade === undefined || now - trade.seen > TENTATIVE_FOR) return undefined;
    this.#tentative.splice(at, 1);
    return trade;
  }

  /** The newest trade by exchange time; of equal ones the last to come. */
  last(): { readonly price: Units; readonly time: Micros } | undefined {
    let last = this.#firm;
    for (const trade of this.#tentative) if (last === undefined || trade.time >= last.time) last = trade;
    return last;
  }

  rescale(price: number, qty: number): void {
    if (this.#firm !== undefined) this.#firm.price = rescaleUnits(this.#firm.price, 0, price);
    for (const trade of this.#tentative) rescaleTentative(trade, price, qty, price + qty);
  }

  #settle(count: number): void {
    for (const { price, time } of this.#tentative.splice(0, count)) {
      if (this.#firm === undefined || time >= this.#firm.time) this.#firm = { price, time };
    }
  }

  save(now: Micros): RecentTradesJson {
    const young = this.#tentative.findIndex(({ seen }) => now - seen <= TENTATIVE_FOR);
    this.#settle(young < 0 ? this.#tentative.length : young);
    const firm = this.#firm;
    return {
      firm: firm === undefined ? null : [unitsToJson(firm.price), firm.time],
      tentative: this.#tentative.map(saveTentative),
    };
  }

  load({ firm, tentative }: RecentTradesJson): void {
    this.#firm = firm === null ? undefined : { price: unitsFromJson(firm[0]), time: firm[1] };
    this.#tentative = tentative.map(loadTentative);
  }
}
