import type { Micros } from "./words.js";

/** What a time is written with: a second, a millisecond or a microsecond. */
export function resolutionOf(time: Micros): Micros {
  return time % 1_000_000 === 0 ? 1_000_000 : time % 1_000 === 0 ? 1_000 : 1;
}

/** Whether both may be one instant, cut or rounded to what each is written with. */
export function isSameTime(a: Micros, b: Micros): boolean {
  return Math.abs(a - b) <= Math.max(resolutionOf(a), resolutionOf(b));
}

/** Whether a time is after another, whatever both are written with. */
export function isLater(time: Micros, than: Micros): boolean {
  return time > than && !isSameTime(time, than);
}
