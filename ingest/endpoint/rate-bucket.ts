/** A token bucket: `perSecond` on average, `burst` at once. */
export class RateBucket {
  #tokens: number;
  #at: number | undefined;

  constructor(
    readonly perSecond: number,
    readonly burst: number,
  ) {
    this.#tokens = burst;
  }

  /**
   * Takes so many, or none.
   *
   * @param nowMs a clock that never steps back
   * @returns seconds until there are enough, 0 when they were taken
   */
  take(count: number, nowMs: number): number {
    const passed = this.#at === undefined ? 0 : Math.max(0, nowMs - this.#at) / 1000;
    this.#at = nowMs;
    this.#tokens = Math.min(this.burst, this.#tokens + passed * this.perSecond);
    if (count <= this.#tokens) {
      this.#tokens -= count;
      return 0;
    }
    return Math.max(1, Math.ceil((Math.min(count, this.burst) - this.#tokens) / this.perSecond));
  }
}
