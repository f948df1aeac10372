import { crc32 } from "node:zlib";
import type { Side } from "../../../schemas/words.js";
import type { IntegerLevel } from "../depth-changes.js";
import { priceText, qtyText, type SimulatedInstrument } from "../instruments.js";
import type { Market } from "../market.js";

/**
 * What the readers of one book stream have, who keep the best levels of a depth: the venue tells of levels that change or
 * vanish within it and of those that come into it, and says nothing of those that are pushed out.
 */
export class DepthView {
  #bids = new Map<number, number>();
  #asks = new Map<number, number>();

  constructor(
    private readonly market: Market,
    private readonly depth: number,
  ) {}

  /** The whole view, as it is from here on. */
  snapshot(): { bids: IntegerLevel[]; asks: IntegerLevel[] } {
    const bids = this.market.levels("buy", this.depth);
    const asks = this.market.levels("sell", this.depth);
    this.#bids = new Map(bids);
    this.#asks = new Map(asks);
    return { bids, asks };
  }

  /** What changed since it was last asked for. */
  changes(): { bids: IntegerLevel[]; asks: IntegerLevel[] } {
    const [bids, asks] = [this.#changesOf("buy", this.#bids), this.#changesOf("sell", this.#asks)];
    this.snapshot();
    return { bids, asks };
  }

  #changesOf(side: Side, before: ReadonlyMap<number, number>): IntegerLevel[] {
    const all = this.market.levels(side);
    const there = new Set(all.map(([price]) => price));
    const gone = [...before.keys()].filter((price) => !there.has(price));
    const changed = all.slice(0, this.depth).filter(([price, qty]) => before.get(price) !== qty);
    return [...gone.map((price): IntegerLevel => [price, 0]), ...changed];
  }
}

/** Of the best ten levels: asks, then bids, all decimals, no points and no zeros in front. */
export function checksumOf(market: Market): number {
  const of: SimulatedInstrument = market.instrument;
  const digits = (text: string) => text.replace(".", "").replace(/^0+/, "");
  const side = (levels: readonly IntegerLevel[]) =>
    levels.map(([price, qty]) => digits(priceText(of, price)) + digits(qtyText(of, qty))).join("");
  return crc32(side(market.levels("sell", 10)) + side(market.levels("buy", 10)));
}
