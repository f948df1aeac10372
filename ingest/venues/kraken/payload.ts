import type { InstrumentTick, LevelText } from "../../../schemas/ticks.js";
import type { DecimalText, Micros } from "../../../schemas/words.js";
import { plainText } from "../../exact-json.js";
import { type InstrumentLookup, UnreadableFrame } from "../../venue.js";

export function unreadable(why: string): UnreadableFrame {
  return new UnreadableFrame("kraken", why);
}

const pairNames: Readonly<Record<string, string>> = { XBT: "BTC", XDG: "DOGE" };

/** v1 and REST say XBT and XDG where v2 says BTC and DOGE: `XBT/USD` is the native id `BTC/USD`. */
export function nativeIdOf(wsname: string): string {
  const [base = "", quote = ""] = wsname.split("/");
  return `${pairNames[base] ?? base}/${pairNames[quote] ?? quote}`;
}

/** The name for REST of a native id: `XBTUSD`. */
export function altnameOf(nativeId: string): string {
  const older = (name: string) => Object.keys(pairNames).find((key) => pairNames[key] === name) ?? name;
  return nativeId.split("/").map(older).join("");
}

export function instrumentOf(nativeId: unknown, instruments: InstrumentLookup): InstrumentTick {
  const instrument = typeof nativeId === "string" ? instruments.byNativeId(nativeId) : undefined;
  if (instrument === undefined) throw unreadable(`no instrument ${typeof nativeId === "string" ? nativeId : "named"}`);
  return instrument;
}

/** A price or a quantity, as the text of a JSON number or a JSON string. */
export function amountOf(value: unknown, what: string): DecimalText {
  if (typeof value !== "string" || !/^\d/.test(value)) throw unreadable(`${what} that is no number`);
  return plainText(value);
}

/** `2026-07-10T00:00:00.123456Z`, with or without a fraction; digits beyond µs are dropped. */
export function timeOf(value: unknown): Micros {
  const parts = typeof value === "string" ? /^(.{19})(?:\.(\d{1,9}))?Z$/.exec(value) : null;
  const seconds = Date.parse(`${parts?.[1]}Z`) / 1000;
  if (parts === null || !Number.isSafeInteger(seconds)) throw unreadable("a timestamp that is none");
  return seconds * 1_000_000 + microsOfFraction(parts[2] ?? "");
}

/** `1561939201.587070`: seconds since the epoch, as v1 and REST have them. */
export function timeOfSeconds(value: unknown): Micros {
  const parts = /^(\d{1,10})(?:\.(\d{1,9}))?$/.exec(String(value));
  if (parts === null) throw unreadable("a time that is no seconds");
  return Number(parts[1]) * 1_000_000 + microsOfFraction(parts[2] ?? "");
}

function microsOfFraction(digits: string): number {
  return Number(digits.slice(0, 6).padEnd(6, "0"));
}

/** v1: [price, quantity, time, "r" where it is shown again]. */
export function tripleLevels(levels: unknown): LevelText[] {
  if (levels === undefined) return [];
  if (!Array.isArray(levels)) throw unreadable("depth without levels");
  return levels.map((level) => [amountOf(level?.[0], "a price"), amountOf(level?.[1], "a quantity")] as const);
}

/** v2: {price, qty}. */
export function namedLevels(levels: unknown): LevelText[] {
  if (levels === undefined) return [];
  if (!Array.isArray(levels)) throw unreadable("depth without levels");
  return levels.map((level) => [amountOf(level?.price, "a price"), amountOf(level?.qty, "a quantity")] as const);
}
