import type { Micros } from "../../schemas/words.js";
import type { FeedKind } from "../venue.js";
import type { CcxtMarket } from "./ccxt-market.js";
import type { CcxtBook, CcxtExchange, CcxtTicker, CcxtTrade } from "./library.js";
import { quirksOf } from "./quirks.js";

/** One stream of one symbol: how ccxt is asked, and what is made of the answer. */
export interface Watch {
  /** ccxt's method, and the symbol that it is asked for. */
  readonly method: "watchTrades" | "watchOrderBook" | "watchBidsAsks" | "watchTicker" | "watchTickers";
  readonly symbol: string;
  /** What it carries. */
  readonly kinds: readonly FeedKind[];
  readonly watch: () => Promise<unknown>;
  readonly take: (market: CcxtMarket, value: unknown, receiveTime: Micros) => void;
}

/**
 * The streams of ccxt that carry what is wanted of a symbol, and the kinds that none does. Best prices come from
 * ccxt's own stream of them where it has one, else from the ticker. Of both the newest that ccxt holds is taken: what it
 * resolves with may be the first of several that came at once.
 */
export function watchesOf(
  ccxt: CcxtExchange,
  symbol: string,
  kinds: readonly FeedKind[],
  bookLevels: number | undefined,
): { readonly watches: Watch[]; readonly absent: FeedKind[] } {
  const can = (method: string) => ccxt.has[method] === true;
  const watches: Watch[] = [];
  const carried = new Set<FeedKind>();
  const add = (watch: Watch) => {
    watches.push(watch);
    for (const kind of watch.kinds) carried.add(kind);
  };
  if (kinds.includes("trade") && can("watchTrades")) {
    add({
      method: "watchTrades",
      symbol,
      kinds: ["trade"],
      watch: () => ccxt.watchTrades(symbol),
      take: (market, trades, time) => market.trades(trades as readonly CcxtTrade[], time),
    });
  }
  if (kinds.includes("depth") && can("watchOrderBook")) {
    const market = ccxt.markets?.[symbol];
    const bookParams = market && quirksOf(ccxt.id).bookParams?.(market, bookLevels);
    add({
      method: "watchOrderBook",
      symbol,
      kinds: ["depth"],
      watch: () => ccxt.watchOrderBook(symbol, bookLevels, bookParams),
      take: (market, book, time) => market.depth(book as CcxtBook, time),
    });
  }
  const { tickerWithQuotes } = quirksOf(ccxt.id);
  const hasQuotes = tickerWithQuotes === undefined && can("watchBidsAsks");
  if (kinds.includes("quote") && hasQuotes) {
    add({
      method: "watchBidsAsks",
      symbol,
      kinds: ["quote"],
      watch: () => ccxt.watchBidsAsks([symbol]),
      take: (market, tickers, time) => market.quote(ccxt.bidsasks[symbol] ?? ofSymbol(tickers, symbol), time),
    });
  }
  const fromTicker = kinds.filter((kind) => kind === "ticker" || (kind === "quote" && !hasQuotes));
  const single = can("watchTicker");
  if (fromTicker.length > 0 && (single || can("watchTickers"))) {
    add({
      method: single ? "watchTicker" : "watchTickers",
      symbol,
      kinds: fromTicker,
      watch: () => (single ? ccxt.watchTicker(symbol, { ...tickerWithQuotes }) : ccxt.watchTickers([symbol])),
      take: (market, value, time) => {
        const ticker = ccxt.tickers[symbol] ?? (single ? (value as CcxtTicker) : ofSymbol(value, symbol));
        if (fromTicker.includes("ticker")) market.ticker(ticker, time);
        if (fromTicker.includes("quote")) market.quote(ticker, time);
      },
    });
  }
  return { watches, absent: kinds.filter((kind) => !carried.has(kind)) };
}

function ofSymbol(tickers: unknown, symbol: string): CcxtTicker {
  return (tickers as Readonly<Record<string, CcxtTicker>>)[symbol] ?? { symbol };
}
