import type { InstrumentTick } from "../../../schemas/ticks.js";
import type { Rest, RestAnswer, TradePoint } from "../../venue.js";
import { altnameOf } from "./payload.js";

const pageSize = 1000;
/** A hole of more trades than this is left to whoever imports the venue's own archive. */
const maxPages = 50;

/**
 * Trades after one, oldest first, in pages of 1,000. The venue pages by time in ns and not by id, so it is asked from the
 * time of the trade before the hole; where that is not known, the newest 1,000 have to do.
 * https://docs.kraken.com/api/docs/rest-api/get-recent-trades
 */
export async function tradesAfter(rest: Rest, instrument: InstrumentTick, from: TradePoint): Promise<RestAnswer[]> {
  const pair = altnameOf(instrument.nativeId);
  const pages: RestAnswer[] = [];
  // A trade of the same microsecond may be missing, too.
  let since = from.exchangeTime === 0 ? undefined : `${from.exchangeTime - 1}999`;
  while (pages.length < maxPages) {
    const query = { pair, count: String(pageSize), ...(since !== undefined && { since }) };
    const { text, url } = await rest.get("/0/public/Trades", query, 1);
    pages.push({ text, url: `${url}#${encodeURI(instrument.nativeId)}` });
    const { count, last } = pageOf(text);
    if (count < pageSize || last === undefined || last === since) break;
    since = last;
  }
  return pages;
}

function pageOf(text: string): { count: number; last: string | undefined } {
  const { result = {} } = JSON.parse(text) as { result?: Readonly<Record<string, unknown>> };
  const list = Object.entries(result).find(([name]) => name !== "last")?.[1];
  const { last } = result;
  return { count: Array.isArray(list) ? list.length : 0, last: typeof last === "string" ? last : undefined };
}
