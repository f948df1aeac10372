/** Seconds' worth of work that may be asked for at once. */
const BURST_SECONDS = 5;

/**
 * What one may ask for: `perSecond` units on average, and `burst` at once, by default five seconds' worth. Who has used
 * up more waits until time has paid for it: a piece of work of any size is done, and the next one comes later.
 */
export class WorkBudget {
  #units: number;
  #at: number;

  constructor(
    private readonly perSecond: number,
    private readonly burst = BURST_SECONDS * perSecond,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#units = burst;
    this.#at = now();
  }

  charge(units: number): void {
    this.#refill();
    this.#units -= units;
  }

  /** @returns ms until more may be asked for, 0 for now */
  wait(): number {
    this.#refill();
    return this.#units > 0 ? 0 : Math.ceil((1000 * (1 - this.#units)) / this.perSecond);
  }

  #refill(): void {
    const now = this.now();
    this.#units = Math.min(this.burst, this.#units + ((now - this.#at) / 1000) * this.perSecond);
    this.#at = now;
  }
}

/** What work costs, in units of a microsecond or so. */
export const costs = {
  /** Bytes of a message that are read for one unit. */
  readBytes: 64,
  /** A channel that is named. */
  channel: 1,
  /** One that is refused: it is told, or counted. */
  refusal: 4,
  /** Bytes of a snapshot that are sent for one unit. */
  sentBytes: 4_096,
} as const;
