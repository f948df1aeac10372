import type { FastifyInstance } from "fastify";
import type { HistoryRange, Store } from "../../infra/store/store.js";
import { byLength } from "../../schemas/kline-intervals.js";
import type { Kline, Trade } from "../../schemas/messages.js";
import { readTime } from "../../schemas/time-text.js";
import { AGGREGATE, type Micros } from "../../schemas/words.js";
import { channelName, intervalForm } from "../channels.js";
import { badParameter, RestError, unknownSymbol } from "./errors.js";
import { dataOf, type LastValues } from "./last-values.js";
import type { RecentKlines } from "./recent-klines.js";
import { exchangeParameter, limitParameter, refs, route, symbolParameter, timeParameter } from "./schemas.js";
import { cursorOf, cursorParameter, inOrder, readCursor } from "./trade-cursor.js";

interface RangeQuery {
  readonly symbol: string;
  readonly exchange: string;
  readonly from?: string;
  readonly to?: string;
  readonly cursor?: string;
  readonly limit: number;
}

export interface HistorySources {
  readonly store: Store;
  readonly values: LastValues;
  readonly recent: RecentKlines;
  /** Intervals that the plant makes by its configuration. */
  readonly intervals: readonly string[];
}

const rangeParameters = (most: number) => ({
  symbol: symbolParameter,
  exchange: { ...exchangeParameter, default: AGGREGATE },
  from: timeParameter("First instant"),
  to: timeParameter("First instant no more"),
  limit: { ...limitParameter(Math.min(500, most), most), description: "The newest so many of the range" },
});

/** What was: history from the store, and the newest, which may not be written yet, from the bus. */
export function historyRoutes(app: FastifyInstance, sources: HistorySources): void {
  const interval = { type: "string", description: "Such as 1m, 1h, 1d; /v1/info lists what there is" };
  const klineQuery = { properties: { ...rangeParameters(1_000), interval }, required: ["symbol", "interval"] };
  app.get<{ Querystring: RangeQuery & { interval: string } }>(
    "/v1/klines",
    { schema: route("K-lines, oldest first", klineQuery, refs("Kline"), [400, 404, 429, 503]) },
    async (request) => {
      const { interval } = request.query;
      if (!intervalForm.test(interval)) throw badParameter("interval", `must be one of ${await made(sources)}`);
      const found = await known(sources, request.query, await klines(sources, rangeOf(request.query), interval));
      if (found.length === 0) await mustBeMade(sources, interval);
      return found;
    },
  );
  const tradeQuery = { properties: { ...rangeParameters(1_000), cursor: cursorParameter }, required: ["symbol"] };
  app.get<{ Querystring: RangeQuery }>(
    "/v1/trades",
    { schema: route("Trades, oldest first", tradeQuery, refs("Trade"), [400, 404, 429, 503]) },
    async (request, reply) => {
      const range = rangeOf(request.query);
      const found = await known(sources, request.query, await trades(sources, range));
      const [oldest] = found;
      if (oldest !== undefined && found.length === range.limit) {
        const next = new URL(request.url, "http://rest");
        next.searchParams.set("cursor", cursorOf(oldest));
        reply.header("x-next-cursor", cursorOf(oldest));
        reply.header("link", `<${next.pathname}${next.search}>; rel="next"`);
      }
      return found;
    },
  );
}

/** @throws RestError naming the parameter that is no time, or the end that is not after the beginning */
function rangeOf({ symbol, exchange, limit, from, to, cursor }: RangeQuery): HistoryRange {
  const range: HistoryRange = {
    symbol,
    exchange,
    limit,
    ...(from !== undefined && { from: timeOf("from", from) }),
    ...(to !== undefined && { to: timeOf("to", to) }),
    ...(cursor !== undefined && { before: readCursor(cursor) }),
  };
  if (range.from !== undefined && range.to !== undefined && range.from >= range.to) {
    throw badParameter("to", "must be after from");
  }
  return range;
}

/** @throws RestError */
function timeOf(parameter: string, text: string): Micros {
  const time = readTime(text);
  if (typeof time === "string") throw badParameter(parameter, time);
  if (time < 0) throw badParameter(parameter, "must not be before 1970");
  return time;
}

/** Nothing found of a symbol that nobody has heard of is an error; of a known one it is an empty answer. */
async function known<Row>(sources: HistorySources, range: RangeQuery, rows: Row[]): Promise<Row[]> {
  if (rows.length > 0 || (await sources.values.knows(range.symbol, range.exchange))) return rows;
  throw unknownSymbol(range.symbol, range.exchange);
}

/** Intervals of the configuration, and those that have channels (of processors that are configured otherwise). */
async function made({ intervals, values }: HistorySources): Promise<string> {
  const channels = await values.channels("kline");
  return [...new Set([...intervals, ...channels.map((channel) => channel.interval ?? "")])].sort(byLength).join(", ");
}

/** An interval that nobody makes would stay empty for ever. @throws RestError */
async function mustBeMade(sources: HistorySources, interval: string): Promise<void> {
  const names = await made(sources);
  if (names.split(", ").includes(interval)) return;
  throw new RestError(404, "TP_INTERVAL_UNKNOWN", `no K-lines of ${interval} are made: there are ${names}`, "interval");
}

async function klines(sources: HistorySources, range: HistoryRange, interval: string): Promise<Kline[]> {
  const { symbol, exchange } = range;
  const stored = await history(() => sources.store.klines({ ...range, interval }));
  const newest = new Map<Micros, Kline>();
  for (const kline of [...stored, ...(await sources.recent.of(channelName("kline", symbol, exchange, interval)))]) {
    const before = newest.get(kline.open_time);
    if (before === undefined || isNewer(kline, before)) newest.set(kline.open_time, kline);
  }
  const inRange = [...newest.values()].filter((kline) => within(range, kline.open_time));
  return inRange.sort((a, b) => a.open_time - b.open_time).slice(-range.limit);
}

/** A new epoch's K-line counts its revisions anew. */
function isNewer(kline: Kline, before: Kline): boolean {
  return kline.epoch === before.epoch ? kline.revision >= before.revision : kline.epoch > before.epoch;
}

async function trades(sources: HistorySources, range: HistoryRange): Promise<Trade[]> {
  const stored = await history(() => sources.store.trades(range));
  const last = await sources.values.last(channelName("trade", range.symbol, range.exchange));
  const recent = (last?.increments ?? []).map(({ payload }) => JSON.parse(dataOf(payload)) as Trade);
  const each = new Map<string, Trade>();
  for (const trade of [...stored, ...recent]) {
    each.set(`${trade.exchange} ${trade.epoch} ${trade.sequence_num}`, trade);
  }
  const { before } = range;
  const inRange = [...each.values()].filter(
    (trade) => within(range, trade.timestamp) && (before === undefined || inOrder(trade, before) < 0),
  );
  return inRange.sort(inOrder).slice(-range.limit);
}

const within = ({ from = 0, to = Number.POSITIVE_INFINITY }: HistoryRange, time: Micros): boolean =>
  time >= from && time < to;

async function history<Row>(read: () => Promise<Row[]>): Promise<Row[]> {
  try {
    return await read();
  } catch (error) {
    throw new RestError(503, "TP_HISTORY_UNAVAILABLE", "history can not be read now: try again later", undefined, {
      cause: error,
    });
  }
}
