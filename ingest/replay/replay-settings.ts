import type { Micros } from "../../schemas/words.js";
import { ReplaySettingInvalid } from "./errors.js";
import type { ReplaySpeed } from "./replay-to-plant.js";

const ISO = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?(Z|[+-]\d{2}:?\d{2})?$/;

/**
 * `--until`: µs since the epoch, or an ISO time (UTC unless it names a zone, down to µs).
 *
 * @throws ReplaySettingInvalid
 */
export function parseTime(text: string): Micros {
  if (/^\d{15,16}$/.test(text)) return Number(text);
  const found = ISO.exec(text);
  const [, date = "", minutes = "00:00", seconds = "00", fraction = "", zone = "Z"] = found ?? [];
  const millis = found === null ? Number.NaN : Date.parse(`${date}T${minutes}:${seconds}${zone}`);
  if (Number.isNaN(millis)) {
    throw new ReplaySettingInvalid(`${text}: expected a time such as 2024-08-09T00:05:00Z, or µs since the epoch`);
  }
  return millis * 1000 + Number(fraction.padEnd(6, "0"));
}

/** `--speed`: a multiple of recorded time, or `max`. @throws ReplaySettingInvalid */
export function parseSpeed(text: string): ReplaySpeed {
  if (text === "max") return "max";
  const speed = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && speed > 0) return speed;
  throw new ReplaySettingInvalid(`--speed ${text}: expected a number above 0 such as 1 or 10, or max`);
}
