import {
  compareUnits,
  multiplyUnits,
  rescaleUnits,
  subtractUnits,
  type Units,
  type UnitsJson,
  unitsFromJson,
  unitsToJson,
} from "../../schemas/units.js";

const MILLION = 1_000_000;
/** So many prices in a row beyond the band that agree among themselves are a new level, not an error. */
const AGREEING = 5;

export type PriceBandJson = readonly [accepted: UnitsJson, candidate: UnitsJson, agreeing: number];

/** Tells a price too far from the last one that counted, until several in a row agree on the new level. */
export class PriceBand {
  #accepted: Units = 0;
  #candidate: Units = 0;
  #agreeing = 0;

  /**
   * @param millionths the band's share of the last price, in millionths; 0 accepts all
   * @param tick       the market's smallest step: one of it is never too far, whatever its share of the price
   */
  accepts(price: Units, millionths: number, tick: Units): boolean {
    const last = this.#accepted;
    if (typeof price === "number" && typeof last === "number") {
      const distance = price > last ? price - last : last - price;
      // nearly every price is this near; exact, since both are safe integers
      if (distance * 64 <= last && millionths >= 15_625) {
        this.#accepted = price;
        this.#agreeing = 0;
        return true;
      }
    }
    if (millionths === 0 || last === 0 || within(price, last, millionths, tick)) {
      this.#accepted = price;
      this.#agreeing = 0;
      return true;
    }
    const agrees = this.#agreeing > 0 && within(price, this.#candidate, millionths, tick);
    this.#agreeing = agrees ? this.#agreeing + 1 : 1;
    this.#candidate = price;
    if (this.#agreeing < AGREEING) return false;
    this.#accepted = price;
    this.#agreeing = 0;
    return true;
  }

  rescale(by: number): void {
    this.#accepted = rescaleUnits(this.#accepted, 0, by);
    this.#candidate = rescaleUnits(this.#candidate, 0, by);
  }

  save(): PriceBandJson {
    return [unitsToJson(this.#accepted), unitsToJson(this.#candidate), this.#agreeing];
  }

  load([accepted, candidate, agreeing]: PriceBandJson): void {
    this.#accepted = unitsFromJson(accepted);
    this.#candidate = unitsFromJson(candidate);
    this.#agreeing = agreeing;
  }
}

function within(price: Units, from: Units, millionths: number, tick: Units): boolean {
  const distance = compareUnits(price, from) > 0 ? subtractUnits(price, from) : subtractUnits(from, price);
  if (compareUnits(distance, tick) <= 0) return true;
  return compareUnits(multiplyUnits(distance, MILLION), multiplyUnits(from, millionths)) <= 0;
}
