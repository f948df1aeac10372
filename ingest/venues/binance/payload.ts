import type { InstrumentTick, LevelText } from "../../../schemas/ticks.js";
import { type Micros, microsOfMillis } from "../../../schemas/words.js";
import { type InstrumentLookup, UnreadableFrame } from "../../venue.js";
import type { BinanceSettings } from "./settings.js";

/** Fields of all the payloads that are read, as Binance names them; which of them stand depends on the event. */
export interface Payload {
  readonly e?: string;
  readonly E?: number;
  readonly T?: number;
  readonly s?: string;
  readonly t?: number;
  readonly f?: unknown;
  readonly l?: unknown;
  readonly a?: unknown;
  readonly b?: unknown;
  readonly p?: unknown;
  readonly q?: unknown;
  readonly m?: unknown;
  readonly X?: string;
  readonly A?: unknown;
  readonly B?: unknown;
  readonly U?: unknown;
  readonly u?: unknown;
  readonly pu?: unknown;
  readonly c?: unknown;
  readonly o?: string;
  readonly h?: string;
  readonly v?: string;
  readonly lastUpdateId?: unknown;
  readonly bids?: unknown;
  readonly asks?: unknown;
  readonly symbol?: string;
  readonly symbols?: unknown;
  readonly stream?: string;
  readonly data?: Payload;
  readonly result?: unknown;
  readonly error?: unknown;
  readonly code?: unknown;
  readonly msg?: unknown;
  readonly id?: unknown;
}

/** The time of the trade or of the book (T) where given, else that of the event (E). */
export function timeOf(payload: Payload, receiveTime: Micros): Micros {
  const time = payload.T ?? payload.E;
  return typeof time === "number" ? microsOf(time) : receiveTime;
}

/** A time in ms beyond the year 5138 is one in µs. */
const LEAST_MICROS = 100_000_000_000_000;

/**
 * Times are ms, or µs where a spot stream's URL has `timeUnit=MICROSECOND` or a request `X-MBX-TIME-UNIT: MICROSECOND`.
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#general-wss-information (2024-12)
 */
export function microsOf(time: number): Micros {
  return time < LEAST_MICROS ? microsOfMillis(time) : time;
}

export function instrumentOf(
  settings: BinanceSettings,
  nativeId: string | undefined,
  instruments: InstrumentLookup,
): InstrumentTick {
  const instrument = nativeId === undefined ? undefined : instruments.byNativeId(nativeId);
  if (instrument === undefined) throw new UnreadableFrame(settings.id, `no instrument ${nativeId ?? "named"}`);
  return instrument;
}

export function idOf(settings: BinanceSettings, id: unknown): number {
  if (!Number.isSafeInteger(id)) throw new UnreadableFrame(settings.id, "an update id that is no integer");
  return id as number;
}

/** An id's digits. In two halves, since V8 writes small integers twice as fast as numbers beyond 31 bits. */
export function textOfId(id: number): string {
  if (id < 1e9 || !Number.isSafeInteger(id)) return `${id}`;
  const millions = Math.floor(id / 1e6);
  return `${millions}${`${1e6 + (id - millions * 1e6)}`.slice(1)}`;
}

export function levelsOf(settings: BinanceSettings, levels: unknown): readonly LevelText[] {
  if (!Array.isArray(levels)) throw new UnreadableFrame(settings.id, "depth without levels");
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i];
    if (typeof level?.[0] !== "string" || typeof level[1] !== "string") {
      throw new UnreadableFrame(settings.id, "a level that is not [price, quantity]");
    }
  }
  return levels as readonly LevelText[];
}
