import type { Condition } from "../infra/health.js";
import type { Micros, VenueId } from "../schemas/words.js";

/** The offset is that of so many seconds; a clock that was set right is so again after them. */
const WINDOWS = 6;
const WINDOW: Micros = 1_000_000;

/**
 * How far a venue's clock is from this machine's, from the ticks themselves: what comes quickest shows it best, so it is
 * the largest of `exchangeTime - receiveTime` of the last 6 s. A venue that is ahead by less than its ticks travel does
 * not show; one that seems behind may also deliver late. Holds no clock.
 */
export class ClockOffset {
  readonly #largest = new Float64Array(WINDOWS).fill(Number.NEGATIVE_INFINITY);
  #at = 0;
  #windowEnd: Micros = 0;
  #offset: Micros | undefined;
  /** Since when it is beyond the bound; 0 while it is not. */
  offSince: Micros = 0;

  /** @param boundMs beyond it, to either side, a condition holds */
  constructor(
    private readonly exchange: VenueId,
    private readonly boundMs: number,
  ) {}

  /** µs by which the venue is ahead, below zero where it is behind; undefined before it was measured. */
  get offset(): Micros | undefined {
    return this.#offset;
  }

  /** A tick came over a socket, with the venue's own time. */
  seen(exchangeTime: Micros, receiveTime: Micros): void {
    const ahead = exchangeTime - receiveTime;
    // without a time of the venue's own the two are equal
    if (ahead !== 0 && ahead > this.#largest[this.#at]!) this.#largest[this.#at] = ahead;
  }

  /** Time passes. What was measured last holds while nothing comes. */
  onTime(now: Micros): void {
    const largest = Math.max(...this.#largest);
    if (largest > Number.NEGATIVE_INFINITY) this.#offset = largest;
    if (!this.#isOff) this.offSince = 0;
    else if (this.offSince === 0) this.offSince = now;
    if (now < this.#windowEnd) return;
    this.#windowEnd = now + WINDOW;
    this.#at = (this.#at + 1) % WINDOWS;
    this.#largest[this.#at] = Number.NEGATIVE_INFINITY;
  }

  get #isOff(): boolean {
    return Math.abs(this.#offset ?? 0) > this.boundMs * 1000;
  }

  conditions(): Condition[] {
    if (!this.#isOff) return [];
    const ms = Math.round((this.#offset ?? 0) / 1000);
    const reason =
      ms > 0
        ? `the clock is ${ms} ms behind ${this.exchange}'s: ticks of the future are refused; set this machine's clock (NTP)`
        : `the clock is ${-ms} ms ahead of ${this.exchange}'s, or its ticks come late: set this machine's clock (NTP)`;
    return [{ name: "clock_off", subject: this.exchange, reason, severity: "not_ready" }];
  }
}
