import { setTimeout as delay } from "node:timers/promises";
import { recordOf } from "./book-record.js";
import type { CcxtBook, CcxtExchange } from "./library.js";
import type { Watch } from "./streams.js";

/** An exchange may not answer, above all of a market that it has no more. */
const answerMs = 2_000;

/**
 * Unsubscribes one stream where ccxt can, and lets go of what ccxt keeps of it.
 *
 * @returns false where ccxt can not: it stays subscribed, and whoever leaves it has to drain it
 */
export async function unwatch(ccxt: CcxtExchange, { method, symbol }: Watch, signal: AbortSignal): Promise<boolean> {
  const [name, isList] = unwatchOf(ccxt, method);
  if (name === undefined) return false;
  try {
    const call = (ccxt as unknown as Record<string, (of: string | string[]) => Promise<unknown>>)[name]!;
    const answer = Promise.resolve(call.call(ccxt, isList ? [symbol] : symbol)).then(() => true);
    answer.catch(() => {});
    const isDone = await Promise.race([answer, delay(answerMs, false, { signal, ref: false })]);
    if (isDone) forget(ccxt, method, symbol);
    return isDone;
  } catch {
    return false;
  }
}

function unwatchOf(ccxt: CcxtExchange, method: string): readonly [string | undefined, boolean] {
  const name = `unW${method.slice(1)}`;
  return [ccxt.has[name] === true ? name : undefined, /Tickers$|BidsAsks$/.test(name)];
}

function forget(ccxt: CcxtExchange, method: string, symbol: string): void {
  const keeps: Record<string, Record<string, unknown>> = {
    watchTrades: ccxt.trades,
    watchOrderBook: ccxt.orderbooks,
    watchTicker: ccxt.tickers,
    watchTickers: ccxt.tickers,
    watchBidsAsks: ccxt.bidsasks,
  };
  delete keeps[method]?.[symbol];
}

/** Takes what a stream that can not be unsubscribed still brings, so that nothing gathers; ends with its first error. */
export async function drain({ watch }: Watch, signal: AbortSignal): Promise<void> {
  try {
    while (!signal.aborted) {
      const value = await watch();
      if (!signal.aborted) recordOf(value as CcxtBook)?.take();
    }
  } catch {
    // the exchange has it no more
  }
}
