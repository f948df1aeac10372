import { BookOperator } from "./book.js";
import { IndexForwarder } from "./index-forwarder.js";
import { KlineOperator } from "./kline.js";
import { OracleOperator } from "./oracle.js";
import type { Operator, TaskContext } from "./task/operator.js";
import type { TaskObserver } from "./task/task.js";
import { TickerOperator } from "./ticker.js";
import { TradeOperator } from "./trade.js";

/** The operators of a task over market.raw, in the order in which a tick passes them. A new one is a line here. */
export function rawOperators(context: (order: number) => TaskContext, observer: TaskObserver): Operator[] {
  let order = 0;
  const next = () => context(order++);
  const trades = new TradeOperator(next());
  const books = new BookOperator(next(), (market, live) => observer.book(market.exchange, market.symbol, live));
  const tickers = new TickerOperator(next(), books);
  const klines = new KlineOperator(next());
  const oracles = new OracleOperator();
  const indices = new IndexForwarder(next(), tickers, oracles);
  return [trades, books, tickers, klines, oracles, indices];
}
