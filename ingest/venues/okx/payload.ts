import type { InstrumentTick, LevelText } from "../../../schemas/ticks.js";
import { type Micros, microsOfMillis } from "../../../schemas/words.js";
import { type InstrumentLookup, UnreadableFrame } from "../../venue.js";

/** A message of a channel, an answer to a request, or an answer of REST, as OKX names their fields. */
export interface OkxMessage {
  readonly event?: unknown;
  /** Of the API before v5. */
  readonly table?: unknown;
  readonly arg?: { readonly channel?: unknown; readonly instId?: unknown };
  readonly action?: unknown;
  readonly data?: unknown;
  readonly code?: unknown;
  readonly msg?: unknown;
}

/** An entry of `data`; which fields stand depends on the channel. All numbers are texts, but ids of books. */
export interface OkxEntry {
  readonly instId?: unknown;
  readonly instType?: unknown;
  readonly tradeId?: unknown;
  readonly px?: unknown;
  readonly sz?: unknown;
  readonly side?: unknown;
  readonly ts?: unknown;
  readonly asks?: unknown;
  readonly bids?: unknown;
  readonly checksum?: unknown;
  readonly seqId?: unknown;
  readonly prevSeqId?: unknown;
  readonly last?: unknown;
  readonly askPx?: unknown;
  readonly askSz?: unknown;
  readonly bidPx?: unknown;
  readonly bidSz?: unknown;
  readonly open24h?: unknown;
  readonly high24h?: unknown;
  readonly low24h?: unknown;
  readonly vol24h?: unknown;
  readonly volCcy24h?: unknown;
}

export function unreadable(why: string): UnreadableFrame {
  return new UnreadableFrame("okx", why);
}

export function instrumentOf(instId: unknown, instruments: InstrumentLookup): InstrumentTick {
  const instrument = typeof instId === "string" ? instruments.byNativeId(instId) : undefined;
  if (instrument === undefined) throw unreadable(`no instrument ${typeof instId === "string" ? instId : "named"}`);
  return instrument;
}

/** `ts` is milliseconds, as text. */
export function timeOf(entry: OkxEntry): Micros {
  const millis = typeof entry.ts === "string" && entry.ts !== "" ? Number(entry.ts) : Number.NaN;
  if (!Number.isSafeInteger(millis * 1000)) throw unreadable("an entry without its time, ts");
  return microsOfMillis(millis);
}

/** Levels are [price, quantity, "0", number of orders]. */
export function levelsOf(levels: unknown): LevelText[] {
  if (!Array.isArray(levels)) throw unreadable("depth without levels");
  const found: LevelText[] = [];
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i];
    const price = level?.[0];
    const qty = level?.[1];
    if (typeof price !== "string" || typeof qty !== "string") throw unreadable("a level that is not [price, quantity]");
    found.push([price, qty]);
  }
  return found;
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
