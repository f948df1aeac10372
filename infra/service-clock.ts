import type { Condition } from "./health.js";

/** What two clocks under NTP may differ by. */
export const CLOCK_TOLERANCE_MS = 250;

/** Of so many measurements the surest counts. */
const KEPT = 5;

export interface ClockOffsetMeasure {
  /** By how much the service's clock is ahead of this machine's; below zero where it is behind. */
  readonly aheadMs: number;
  /** To either side. */
  readonly uncertainMs: number;
}

/**
 * A service's clock beside this machine's.
 *
 * @param serverMs its time, told between `before` and `after` (ms of this machine's clock)
 */
export function measureClock(serverMs: number, before: number, after: number): ClockOffsetMeasure {
  const uncertainMs = (after - before) / 2;
  return { aheadMs: Math.round(serverMs - (before + uncertainMs)), uncertainMs };
}

/** Beyond what NTP leaves, whatever the way took. */
export const isOff = ({ aheadMs, uncertainMs }: ClockOffsetMeasure): boolean =>
  Math.abs(aheadMs) - uncertainMs > CLOCK_TOLERANCE_MS;

/** Whether this machine's clock and that of a service that others share agree. */
export class ServiceClock {
  readonly #newest: ClockOffsetMeasure[] = [];

  /**
   * @param service as it stands in the reason, e.g. `Redis`
   * @param boundMs beyond it, to either side, times are in doubt: not ready; below it is worth knowing
   */
  constructor(
    private readonly service: string,
    private readonly boundMs: number,
  ) {}

  measured(serverMs: number, before: number, after: number): void {
    this.#newest.push(measureClock(serverMs, before, after));
    if (this.#newest.length > KEPT) this.#newest.shift();
  }

  /** The surest of the newest measurements; undefined before the first. */
  get offset(): ClockOffsetMeasure | undefined {
    return this.#newest.reduce<ClockOffsetMeasure | undefined>(
      (best, one) => (best === undefined || one.uncertainMs <= best.uncertainMs ? one : best),
      undefined,
    );
  }

  conditions(): Condition[] {
    const { offset } = this;
    if (offset === undefined || !isOff(offset)) return [];
    const { aheadMs } = offset;
    const reason =
      `this machine's clock is ${Math.abs(aheadMs)} ms ${aheadMs > 0 ? "behind" : "ahead of"} ` +
      `${this.service}'s: run NTP on both`;
    const severity = Math.abs(aheadMs) > this.boundMs ? "not_ready" : "note";
    return [{ name: "clock_off", subject: this.service, reason, severity }];
  }
}
