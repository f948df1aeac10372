/** Seeded random numbers: mulberry32 over a 32-bit hash of the seed's text. Same seed, same numbers. */
export class Random {
  #state: number;

  constructor(seed: string) {
    this.#state = hashText(seed);
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    return scramble(this.#state) / 4294967296;
  }

  /** Exponentially distributed, mean 1. */
  exponential(): number {
    return -Math.log(1 - this.next());
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }
}

/** FNV-1a over the text's UTF-16 units, finished like mulberry32. An unsigned 32-bit number. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return scramble(hash);
}

/** The value of a lattice point: uniform in [-1, 1), a pure function of its arguments. */
export function latticeValue(seed: number, point: number): number {
  const mixed = Math.imul(seed ^ (point | 0), 0x9e3779b1) ^ Math.floor(point / 4294967296);
  return scramble(mixed | 0) / 2147483648 - 1;
}

function scramble(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 15), value | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return (mixed ^ (mixed >>> 14)) >>> 0;
}
