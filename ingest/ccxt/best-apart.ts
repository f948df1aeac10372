import type { CcxtExchange } from "./library.js";

/**
 * Keeps the books of one level that an exchange streams beside the deeper ones away from these: ccxt has one book a symbol,
 * and the best level would replace it. Each comes whole, so none is kept.
 *
 * @param bestTopic what the topics of one level begin with
 */
export function keepBestApart(ccxt: CcxtExchange, bestTopic: string): void {
  const { handleOrderBook } = ccxt;
  if (handleOrderBook === undefined) return;
  ccxt.handleOrderBook = (client, message) => {
    const { topic = "" } = message as { readonly topic?: string };
    if (!topic.startsWith(bestTopic)) return handleOrderBook.call(ccxt, client, message);
    const { orderbooks } = ccxt;
    ccxt.orderbooks = {};
    try {
      // those who wait for the book wait for another
      const resolve = (value: unknown, hash: string) =>
        hash.startsWith("orderbook:") ? undefined : client.resolve(value, hash);
      return handleOrderBook.call(ccxt, { url: client.url, resolve }, message);
    } finally {
      ccxt.orderbooks = orderbooks;
    }
  };
}
