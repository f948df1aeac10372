import { codeOf, marketSymbol } from "../../../schemas/names.js";
import type { InstrumentTick } from "../../../schemas/ticks.js";
import type { Micros } from "../../../schemas/words.js";
import { readEach } from "../../instrument-list.js";
import { nativeIdOf, unreadable } from "./payload.js";

interface AssetPair {
  readonly wsname?: unknown;
  readonly pair_decimals?: unknown;
  readonly lot_decimals?: unknown;
  readonly tick_size?: unknown;
  readonly status?: unknown;
  readonly execution_venue?: unknown;
}

/**
 * Pairs may be listed once for each venue that executes them, with tick sizes and decimals of its own; the socket's
 * streams are those of this one.
 * https://docs.kraken.com/api/docs/change-log (2026-04-27, a filter since 2026-04-30)
 */
export const executionVenue = "international";

/** Currencies that ccxt names by their present names. */
const unifiedNames: Readonly<Record<string, string>> = {
  LUNA: "LUNC",
  LUNA2: "LUNA",
  REP: "REPV1",
  REPV2: "REP",
  UST: "USTC",
};

/**
 * `AssetPairs` as instruments. The native id is the name that WebSocket v2 uses, `BTC/USD`. Dark pools have no such name
 * and are left out. Tick and lot size are written with all decimals of the pair, since checksums are taken with them.
 * https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs
 */
export function readAssetPairs(pairs: Readonly<Record<string, unknown>>, now: Micros): InstrumentTick[] {
  return readEach(Object.values(pairs), (pair) => readPair(pair as AssetPair, now));
}

function readPair(pair: AssetPair, now: Micros): InstrumentTick | undefined {
  if (pair?.wsname === undefined) return undefined;
  if (pair.execution_venue !== undefined && pair.execution_venue !== executionVenue) return undefined;
  const { wsname, pair_decimals: priceDecimals, lot_decimals: lotDecimals } = pair;
  if (typeof wsname !== "string" || !wsname.includes("/")) throw unreadable("a pair without its name");
  if (!isDecimals(priceDecimals) || !isDecimals(lotDecimals)) throw unreadable(`${wsname} without its decimals`);
  const nativeId = nativeIdOf(wsname);
  const [base = "", quote = ""] = nativeId.split("/").map((name) => unifiedNames[name] ?? name);
  const tickSize = typeof pair.tick_size === "string" ? pair.tick_size : stepOf(priceDecimals);
  return {
    kind: "instrument",
    exchange: "kraken",
    symbol: marketSymbol(base, quote),
    exchangeTime: now,
    receiveTime: now,
    nativeId,
    status: statusOf(pair.status),
    contractType: "spot",
    base: codeOf(base),
    quote: codeOf(quote),
    tickSize: withDecimals(tickSize, priceDecimals),
    lotSize: stepOf(lotDecimals),
    contractSize: "1",
  };
}

function statusOf(status: unknown): InstrumentTick["status"] {
  switch (status) {
    case undefined:
    case "online":
    case "limit_only":
    case "reduce_only":
      return "trading";
    case "delisted":
      return "delisted";
    default:
      return "halted";
  }
}

function isDecimals(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 30;
}

/** "1", "0.1", "0.01", … */
function stepOf(decimals: number): string {
  return decimals === 0 ? "1" : `0.${"0".repeat(decimals - 1)}1`;
}

/** The same value with at least so many digits after the point. */
export function withDecimals(text: string, decimals: number): string {
  if (decimals === 0) return text;
  const point = text.indexOf(".");
  const whole = point < 0 ? text : text.slice(0, point);
  return `${whole}.${(point < 0 ? "" : text.slice(point + 1)).padEnd(decimals, "0")}`;
}
