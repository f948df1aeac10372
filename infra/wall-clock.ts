import type { Micros } from "../schemas/words.js";

/** Now, in µs. */
export type Clock = () => Micros;

/**
 * Wall clock in whole µs that never goes back: the process's start plus a monotonic count. A step of the system's
 * clock (NTP) of more than 100 ms forwards is taken over; one backwards is waited out, time stands still meanwhile.
 */
export function wallClock(): Clock {
  let last = 0;
  let offset = performance.timeOrigin;
  let checkedAt = performance.now();
  return () => {
    const monotonic = performance.now();
    if (monotonic - checkedAt >= 1_000) {
      checkedAt = monotonic;
      const drift = Date.now() - (offset + monotonic);
      if (Math.abs(drift) > 100) offset += drift;
    }
    const now = Math.floor((offset + monotonic) * 1_000);
    if (now > last) last = now;
    return last;
  };
}
