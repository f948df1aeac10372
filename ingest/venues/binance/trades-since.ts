import type { InstrumentTick } from "../../../schemas/ticks.js";
import type { Rest } from "../../venue.js";
import type { BinanceSettings } from "./settings.js";

type Answer = { text: string; url: string };

const pageSize = 1000;
/** A hole of more trades than this is left to whoever imports the venue's own archive. */
const maxPages = 50;

/**
 * Trades after an id, oldest first, a page of 1,000 at a time: `historicalTrades` (or `aggTrades` where that stream
 * gives the trades), whose `fromId` is inclusive. Futures ask an API key for `historicalTrades`; without one, the
 * newest 1,000 of `trades` have to do, whose ids are the stream's own. `aggTrades` is no substitute there, since
 * its ids are other numbers and a trade would count twice.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#old-trade-lookup
 */
export async function tradesAfter(
  rest: Rest,
  settings: BinanceSettings,
  instrument: InstrumentTick,
  fromId: number,
): Promise<Answer[]> {
  const path = settings.tradeStream === "aggTrade" ? "aggTrades" : "historicalTrades";
  const weight = pageWeight(settings, path);
  const pages: Answer[] = [];
  let next = fromId + 1;
  while (pages.length < maxPages) {
    const query = { symbol: instrument.nativeId, fromId: String(next), limit: String(pageSize) };
    let page: Answer;
    try {
      page = await rest.get(`${settings.api}/${path}`, query, weight);
    } catch (error) {
      // what was answered is not fetched again
      if (pages.length > 0) return pages;
      if (path === "aggTrades" || !isRefused(error)) throw error;
      return [await newestTrades(rest, settings, instrument)];
    }
    const ids = idsOf(page);
    if (ids.length === 0) break;
    pages.push(page);
    if (ids.length < pageSize) break;
    next = Math.max(...ids) + 1;
  }
  return pages;
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
