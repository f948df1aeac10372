import type { InstrumentTick } from "../../../schemas/ticks.js";
import type { Rest, TradePoint } from "../../venue.js";
import type { BinanceSettings } from "./settings.js";

type Answer = { text: string; url: string };
type Query = Readonly<Record<string, string>>;

const pageSize = 1000;
/** A hole of more trades than this is left to whoever imports the venue's own archive. */
const maxPages = 50;

/**
 * Trades after one, oldest first, a page of 1,000 at a time.
 *
 * Single trades: `historicalTrades`, whose `fromId` is inclusive. Futures ask an API key for it; without one, the newest
 * 1,000 of `trades` have to do, whose ids are the stream's own.
 *
 * Aggregate trades: `aggTrades`, which needs no key; its `fromId` is the number of an aggregate trade, inclusive. Where
 * only a fill is known (the trades came one by one before) they are asked for by its time, and where that is not known
 * either the newest 1,000 have to do. What they overlap with is seen by the fills' ids.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#old-trade-lookup
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Compressed-Aggregate-Trades-List
 */
export async function tradesAfter(
  rest: Rest,
  settings: BinanceSettings,
  instrument: InstrumentTick,
  from: TradePoint,
): Promise<Answer[]> {
  const sums = settings.tradeStream === "aggTrade";
  const path = sums ? "aggTrades" : "historicalTrades";
  const weight = pageWeight(settings, path);
  const get = (query: Query) =>
    rest.get(`${settings.api}/${path}`, { symbol: instrument.nativeId, ...query, limit: String(pageSize) }, weight);
  const pages: Answer[] = [];
  let next = sums ? firstSum(from) : { fromId: String(Number(from.tradeId) + 1) };
  while (pages.length < maxPages) {
    let page: Answer;
    try {
      page = await get(next);
    } catch (error) {
      // what was answered is not fetched again
      if (pages.length > 0) return pages;
      if (!isRefused(error)) throw error;
      // too old to be asked for by its time
      if (sums && "startTime" in next) return [await get({})];
      if (sums) throw error;
      return [await newestTrades(rest, settings, instrument)];
    }
    const ids = idsOf(page);
    if (ids.length === 0) break;
    pages.push(page);
    if (ids.length < pageSize || Object.keys(next).length === 0) break;
    next = { fromId: String(Math.max(...ids) + 1) };
  }
  return pages;
}

/** Where the aggregate trades after one begin. */
function firstSum({ aggregate, exchangeTime }: TradePoint): Query {
  if (aggregate !== undefined) return { fromId: String(aggregate + 1) };
  return exchangeTime > 0 ? { startTime: String(Math.floor(exchangeTime / 1_000)) } : {};
}

/** The venue does not let us ask, rather than not answer now. */
function isRefused(error: unknown): boolean {
  const { status } = error as { status?: number };
  return status !== undefined && status >= 400 && status < 500 && status !== 429 && status !== 418;
}

function newestTrades(rest: Rest, settings: BinanceSettings, instrument: InstrumentTick): Promise<Answer> {
  const query = { symbol: instrument.nativeId, limit: String(pageSize) };
  return rest.get(`${settings.api}/trades`, query, settings.market === "spot" ? 25 : 5);
}

function pageWeight(settings: BinanceSettings, path: string): number {
  if (settings.market === "spot") return path === "aggTrades" ? 4 : 25;
  return 20;
}

function idsOf(page: Answer): number[] {
  const list = JSON.parse(page.text) as { id?: number; a?: number }[];
  return list.map((trade) => trade.id ?? trade.a ?? 0);
}
