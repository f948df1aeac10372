import {
  addUnits,
  compareUnits,
  decimalsOf,
  divideUnits,
  formatUnits,
  isZero,
  multiplyUnits,
  negateUnits,
  parseUnits,
  type Rounding,
  rescaleUnits,
  subtractUnits,
  type Units,
} from "./units.js";

/**
 * An exact, immutable decimal of any length: units at a scale of its own. For code off the hot path, which works in
 * units at the instrument's scale instead.
 */
export class Decimal {
  static readonly ZERO = new Decimal(0, 0);

  /** @param units count of 10^-scale */
  constructor(
    readonly units: Units,
    readonly scale: number,
  ) {}

  /** The value of a text at the scale of its significant decimals. @throws DecimalError TP_DECIMAL_INVALID */
  static parse(text: string): Decimal {
    const scale = decimalsOf(text);
    return new Decimal(parseUnits(text, scale), scale);
  }

  /** Canonical text: no exponent, no zeros at the fraction's end, no "-0". */
  toString(): string {
    return formatUnits(this.units, this.scale);
  }

  /** In JSON a decimal is its text. */
  toJSON(): string {
    return this.toString();
  }

  isZero(): boolean {
    return isZero(this.units);
  }

  /** Negative, zero or positive as this is less than, equal to or greater than the other. */
  compare(other: Decimal): number {
    const scale = Math.max(this.scale, other.scale);
    return compareUnits(this.unitsAt(scale), other.unitsAt(scale));
  }

  /** Equal in value, whatever the scales. */
  equals(other: Decimal): boolean {
    return this.compare(other) === 0;
  }

  negate(): Decimal {
    return new Decimal(negateUnits(this.units), this.scale);
  }

  add(other: Decimal): Decimal {
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(addUnits(this.unitsAt(scale), other.unitsAt(scale)), scale);
  }

  subtract(other: Decimal): Decimal {
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(subtractUnits(this.unitsAt(scale), other.unitsAt(scale)), scale);
  }

  multiply(other: Decimal): Decimal {
    return new Decimal(multiplyUnits(this.units, other.units), this.scale + other.scale);
  }

  /**
   * The quotient at a scale.
   *
   * @throws DecimalError TP_DECIMAL_DIVISION_BY_ZERO
   */
  divide(other: Decimal, scale: number, rounding: Rounding): Decimal {
    return new Decimal(divideUnits(this.units, other.units, scale + other.scale - this.scale, rounding), scale);
  }

  /** The same value at another scale. @throws DecimalError TP_DECIMAL_INEXACT when digits would be lost */
  rescale(scale: number): Decimal {
    return new Decimal(this.unitsAt(scale), scale);
  }

  /** The nearest value at a scale. */
  round(scale: number, rounding: Rounding): Decimal {
    return scale >= this.scale
      ? this.rescale(scale)
      : new Decimal(divideUnits(this.units, 1, scale - this.scale, rounding), scale);
  }

  /** Units at another scale. @throws DecimalError TP_DECIMAL_INEXACT when digits would be lost */
  unitsAt(scale: number): Units {
    return rescaleUnits(this.units, this.scale, scale);
  }
}
