import type { FastifyInstance } from "fastify";
import type { Store } from "../../infra/store/store.js";
import type { Kline, Trade } from "../../schemas/messages.js";
import { AGGREGATE, type Micros } from "../../schemas/words.js";
import { channelName, intervalForm } from "../channels.js";
import { badParameter, RestError, unknownSymbol } from "./errors.js";
import { dataOf, type LastValues } from "./last-values.js";
import type { RecentKlines } from "./recent-klines.js";
import { exchangeParameter, limitParameter, microsParameter, refs, route, symbolParameter } from "./schemas.js";

interface Range {
  readonly symbol: string;
  readonly exchange: string;
  readonly from?: Micros;
  readonly to?: Micros;
  readonly limit: number;
}

export interface HistorySources {
  readonly store: Store;
  readonly values: LastValues;
  readonly recent: RecentKlines;
}

const rangeParameters = (most: number) => ({
  symbol: symbolParameter,
  exchange: { ...exchangeParameter, default: AGGREGATE },
  from: microsParameter("First instant"),
  to: microsParameter("First instant no more"),
  limit: { ...limitParameter(Math.min(500, most), most), description: "The newest so many of the range" },
});

/** What was: history from the store, and the newest, which may not be written yet, from the bus. */
export function historyRoutes(app: FastifyInstance, sources: HistorySources): void {
  const interval = { type: "string", pattern: intervalForm.source, description: "Such as 1m, 1h, 1d" };
  const klineQuery = { properties: { ...rangeParameters(1_000), interval }, required: ["symbol", "interval"] };
  app.get<{ Querystring: Range & { interval: string } }>(
    "/v1/klines",
    { schema: route("K-lines, oldest first", klineQuery, refs("Kline"), [400, 404, 429, 503]) },
    async (request) => known(sources, request.query, await klines(sources, request.query)),
  );
  const tradeQuery = { properties: rangeParameters(1_000), required: ["symbol"] };
  app.get<{ Querystring: Range }>(
    "/v1/trades",
    { schema: route("Trades, oldest first", tradeQuery, refs("Trade"), [400, 404, 429, 503]) },
    async (request) => known(sources, request.query, await trades(sources, request.query)),
  );
}

/** Nothing found of a symbol that nobody has heard of is an error; of a known one it is an empty answer. */
async function known<Row>(sources: HistorySources, range: Range, rows: Row[]): Promise<Row[]> {
  if (rows.length > 0 || (await sources.values.knows(range.symbol, range.exchange))) return rows;
  throw unknownSymbol(range.symbol, range.exchange);
}

async function klines(sources: HistorySources, query: Range & { interval: string }): Promise<Kline[]> {
  checkRange(query);
  const { symbol, exchange, interval } = query;
  const stored = await history(() => sources.store.klines({ ...bounds(query), interval }));
  const newest = new Map<Micros, Kline>();
  for (const kline of [...stored, ...(await sources.recent.of(channelName("kline", symbol, exchange, interval)))]) {
    const before = newest.get(kline.open_time);
    if (before === undefined || isNewer(kline, before)) newest.set(kline.open_time, kline);
  }
  const inRange = [...newest.values()].filter((kline) => within(query, kline.open_time));
  return inRange.sort((a, b) => a.open_time - b.open_time).slice(-query.limit);
}

/** A new epoch's K-line counts its revisions anew. */
function isNewer(kline: Kline, before: Kline): boolean {
  return kline.epoch === before.epoch ? kline.revision >= before.revision : kline.epoch > before.epoch;
}

async function trades(sources: HistorySources, query: Range): Promise<Trade[]> {
  checkRange(query);
  const stored = await history(() => sources.store.trades(bounds(query)));
  const last = await sources.values.last(channelName("trade", query.symbol, query.exchange));
  const recent = (last?.increments ?? []).map(({ payload }) => JSON.parse(dataOf(payload)) as Trade);
  const each = new Map<string, Trade>();
  for (const trade of [...stored, ...recent]) {
    each.set(`${trade.exchange} ${trade.epoch} ${trade.sequence_num}`, trade);
  }
  const inRange = [...each.values()].filter((trade) => within(query, trade.timestamp));
  const order = (a: Trade, b: Trade): number => a.timestamp - b.timestamp || a.sequence_num - b.sequence_num;
  return inRange.sort(order).slice(-query.limit);
}

function checkRange({ from, to }: Range): void {
  if (from !== undefined && to !== undefined && from >= to) throw badParameter("to", "must be after from");
}

const within = ({ from = 0, to = Number.POSITIVE_INFINITY }: Range, time: Micros): boolean => time >= from && time < to;

function bounds({ symbol, exchange, from, to, limit }: Range) {
  return { symbol, exchange, limit, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

async function history<Row>(read: () => Promise<Row[]>): Promise<Row[]> {
  try {
    return await read();
  } catch (error) {
    throw new RestError(503, "TP_HISTORY_UNAVAILABLE", "history can not be read now: try again later", undefined, {
      cause: error,
    });
  }
}
