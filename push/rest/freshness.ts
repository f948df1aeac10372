import type { FastifyInstance, FastifyReply } from "fastify";
import { AGGREGATE } from "../../schemas/words.js";
import { type ChannelKind, channelName, parseChannel } from "../channels.js";
import type { PlantPulse, Staleness } from "../plant-pulse.js";

/** What the answers of a route are made of. */
const kinds: Readonly<Record<string, ChannelKind>> = {
  "/v1/ticker": "ticker",
  "/v1/tickers": "ticker",
  "/v1/depth": "depth",
  "/v1/trades": "trade",
  "/v1/klines": "kline",
  "/v1/indices": "index",
};
const MOST_NAMED = 10;

interface Place {
  readonly symbol?: string;
  readonly exchange?: string;
  readonly name?: string;
  readonly interval?: string;
}

/**
 * Answers carry how old their newest value is (`tickplant-age-ms`) and whether what stands behind them is well
 * (`tickplant-status`: live or stale, with the reasons in `tickplant-stale`).
 */
export function tellFreshness(app: FastifyInstance, pulse: PlantPulse): void {
  app.addHook("onSend", async (request, reply, payload) => {
    const kind = kinds[request.routeOptions.url ?? ""];
    if (kind === undefined || reply.statusCode !== 200 || typeof payload !== "string") return payload;
    const newest = newestOf(payload);
    if (newest !== undefined) reply.header("tickplant-age-ms", Math.max(0, Math.round(Date.now() - newest / 1000)));
    tellStatus(reply, pulse, kind, placesOf(payload, request.query as Place, pulse));
    return payload;
  });
}

function tellStatus(reply: FastifyReply, pulse: PlantPulse, kind: ChannelKind, places: readonly Place[]): void {
  const stale = places.flatMap((place) => stalenessOf(pulse, kind, place) ?? []);
  reply.header("tickplant-status", stale.length === 0 ? "live" : "stale");
  if (stale.length === 0) return;
  const reasons = [...new Set(stale.map(({ reason }) => reason))];
  const more = reasons.length > MOST_NAMED ? `; and ${reasons.length - MOST_NAMED} more` : "";
  reply.header("tickplant-stale", asciiOf(`${reasons.slice(0, MOST_NAMED).join("; ")}${more}`));
}

function stalenessOf(pulse: PlantPulse, kind: ChannelKind, place: Place): Staleness | undefined {
  const { symbol = place.name, exchange = AGGREGATE, interval } = place;
  if (symbol === undefined) return undefined;
  try {
    const name = kind === "index" ? `index:${symbol}` : channelName(kind, symbol, exchange, interval);
    return pulse.staleness(parseChannel(name));
  } catch {
    return undefined;
  }
}

/** Whom the answer is about: the one that was asked for, or each that it lists. A healthy plant's lists are not read. */
function placesOf(payload: string, query: Place, pulse: PlantPulse): readonly Place[] {
  if (query.symbol !== undefined || query.name !== undefined) return [query];
  if (pulse.version === "") return [];
  return JSON.parse(payload) as Place[];
}

const times = /"timestamp":(\d+)/g;

function newestOf(payload: string): number | undefined {
  let newest: number | undefined;
  for (const [, text] of payload.matchAll(times)) newest = Math.max(newest ?? 0, Number(text));
  return newest;
}

/** A header holds no other characters. */
const asciiOf = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?");
