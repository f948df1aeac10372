import type { InstrumentTick } from "../../../schemas/ticks.js";
import type { Rest, RestAnswer } from "../../venue.js";

const newest = "500";
const pageSize = "100";
/** A hole of more trades than this is left to whoever imports the venue's own archive. */
const maxPages = 100;

/**
 * Trades after an id, oldest first. The newest 500 in one page, then pages of 100 further back, by trade id, until the id
 * is reached; the venue keeps three months.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-trades-history
 */
export async function tradesAfter(rest: Rest, instrument: InstrumentTick, fromId: number): Promise<RestAnswer[]> {
  const instId = instrument.nativeId;
  let page = await rest.get("/api/v5/market/trades", { instId, limit: newest }, 1);
  const pages: RestAnswer[] = [];
  while (pages.length < maxPages) {
    const ids = idsOf(page);
    if (ids.length === 0) break;
    pages.unshift(page);
    const oldest = Math.min(...ids);
    if (oldest <= fromId + 1) break;
    // `type` 1: by trade id; `after`: what is older than it.
    const query = { instId, type: "1", after: String(oldest), limit: pageSize };
    page = await rest.get("/api/v5/market/history-trades", query, 1);
  }
  return pages;
}

function idsOf(page: RestAnswer): number[] {
  const { data } = JSON.parse(page.text) as { data?: readonly { tradeId?: string }[] };
  return (data ?? []).map(({ tradeId }) => Number(tradeId)).filter((id) => Number.isSafeInteger(id));
}
