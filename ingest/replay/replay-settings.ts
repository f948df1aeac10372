import { readTime } from "../../schemas/time-text.js";
import type { Micros } from "../../schemas/words.js";
import type { NamedPool } from "../dex/known-pools.js";
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

/** `--pool`: `USDC:6,WETH:18,500`, tokens in the pool's order and its fee in millionths. @throws ReplaySettingInvalid */
export function parsePool(text: string): NamedPool {
  const [, symbol0, decimals0, symbol1, decimals1, fee] =
    /^([^:,]+):(\d{1,2}),([^:,]+):(\d{1,2}),(\d{1,6})$/.exec(text) ?? [];
  if (symbol0 === undefined || symbol1 === undefined)
    throw new ReplaySettingInvalid(
      `--pool ${text}: expected the tokens with their decimals and the fee: USDC:6,WETH:18,500`,
    );
  return {
    token0: { symbol: symbol0, decimals: Number(decimals0) },
    token1: { symbol: symbol1, decimals: Number(decimals1) },
    fee: Number(fee),
  };
}
