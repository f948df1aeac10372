import { readTime } from "../../schemas/time-text.js";
import type { Micros } from "../../schemas/words.js";
import { ReplaySettingInvalid } from "./errors.js";
import type { ReplaySpeed } from "./replay-to-plant.js";

/**
 * `--until`: a time as `readTime` reads it.
 *
 * @throws ReplaySettingInvalid
 */
export function parseTime(text: string): Micros {
  const time = readTime(text);
  if (typeof time === "number") return time;
  throw new ReplaySettingInvalid(`--until ${text}: expected a time: it ${time}`);
}

/** `--speed`: a multiple of recorded time, or `max`. @throws ReplaySettingInvalid */
export function parseSpeed(text: string): ReplaySpeed {
  if (text === "max") return "max";
  const speed = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && speed > 0) return speed;
  throw new ReplaySettingInvalid(`--speed ${text}: expected a number above 0 such as 1 or 10, or max`);
}
