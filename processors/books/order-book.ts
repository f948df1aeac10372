import { rescaleUnits, type Units, type UnitsJson, unitsFromJson, unitsToJson } from "../../schemas/units.js";
import type { LevelsOut } from "../messages/depth-message.js";
import { OrderBookSide } from "./book-side.js";

/** A book of price levels with total quantities, in integers at its two scales. */
export class OrderBook {
  readonly bids = new OrderBookSide(1);
  readonly asks = new OrderBookSide(-1);
  priceScale: number;
  qtyScale: number;

  constructor(priceScale: number, qtyScale: number) {
    this.priceScale = priceScale;
    this.qtyScale = qtyScale;
  }

  get empty(): boolean {
    return this.bids.size === 0 && this.asks.size === 0;
  }

  /** Whether the best bid is at or above the best ask. */
  get crossed(): boolean {
    return this.bids.size > 0 && this.asks.size > 0 && this.bids.price(0) >= this.asks.price(0);
  }

  clear(): void {
    this.bids.clear();
    this.asks.clear();
  }

  rescale(priceScale: number, qtyScale: number): void {
    const priceFactor = rescaleUnits(1, this.priceScale, priceScale);
    const qtyFactor = rescaleUnits(1, this.qtyScale, qtyScale);
    this.priceScale = priceScale;
    this.qtyScale = qtyScale;
    if (priceFactor === 1 && qtyFactor === 1) return;
    this.bids.rescale(priceFactor, qtyFactor);
    this.asks.rescale(priceFactor, qtyFactor);
  }

  /** All levels, best first, as they go out. */
  levels(): LevelsOut {
    const bidCount = this.bids.size;
    const count = bidCount + this.asks.size;
    const prices: Units[] = new Array(count);
    const quantities: Units[] = new Array(count);
    for (let depth = 0; depth < bidCount; depth++) {
      prices[depth] = this.bids.price(depth);
      quantities[depth] = this.bids.qty(depth);
    }
    for (let at = bidCount; at < count; at++) {
      prices[at] = this.asks.price(at - bidCount);
      quantities[at] = this.asks.qty(at - bidCount);
    }
    return { prices, quantities, bidCount, count, priceScale: this.priceScale, qtyScale: this.qtyScale };
  }

  save(): BookJson {
    const { prices, quantities, bidCount, count, priceScale, qtyScale } = this.levels();
    const flat: UnitsJson[] = [];
    for (let at = 0; at < count; at++) flat.push(unitsToJson(prices[at]!), unitsToJson(quantities[at]!));
    return { priceScale, qtyScale, bidCount, levels: flat };
  }

  load(saved: BookJson): void {
    this.clear();
    this.priceScale = saved.priceScale;
    this.qtyScale = saved.qtyScale;
    for (let at = 0; at < saved.levels.length; at += 2) {
      const side = at / 2 < saved.bidCount ? this.bids : this.asks;
      side.set(unitsFromJson(saved.levels[at]!), unitsFromJson(saved.levels[at + 1]!));
    }
  }
}

export interface BookJson {
  readonly priceScale: number;
  readonly qtyScale: number;
  readonly bidCount: number;
  readonly levels: readonly UnitsJson[];
}
