import type { SimulatedTrade } from "../candles.js";
import type { Exchange } from "../dialect.js";
import { decimalText, priceText, qtyText, type SimulatedInstrument } from "../instruments.js";
import type { Market } from "../market.js";
import { firstWhere, type Query, RestError, type RestWords, type Route, whole as wholeOf } from "../rest.js";

/** Kraken's public REST: time, pairs, trades, books. Refusals come with the status 200. */
export function krakenRest(exchange: Exchange): RestWords {
  const route = (answer: (query: Query) => object): Route => ({
    weight: () => 1,
    answer: (query) => JSON.stringify({ error: [], result: answer(query) }),
  });
  const routes = {
    "/0/public/Time": route(() => ({ unixtime: Math.floor(exchange.now() / 1000) })),
    "/0/public/AssetPairs": route(() => Object.fromEntries([...exchange.markets.values()].map(pairOf))),
    "/0/public/Trades": route((query) => trades(marketOf(exchange, query), query)),
    "/0/public/Depth": route((query) => depth(marketOf(exchange, query), query)),
  };
  const refusal = (status: number, error: string) => ({ status, body: JSON.stringify({ error: [error] }) });
  return {
    routes: new Map(Object.entries(routes)),
    headers: () => ({}),
    noSuchPath: () => refusal(404, "EGeneral:Unknown method"),
    error: ({ message }) => refusal(200, message),
    failure: (status) => refusal(status, "EService:Unavailable"),
    tooManyRequests: () => refusal(200, "EGeneral:Too many requests"),
  };
}

const older: Readonly<Record<string, string>> = { BTC: "XBT", DOGE: "XDG" };

function altnameOf({ base, quote }: SimulatedInstrument): string {
  return (older[base] ?? base) + (older[quote] ?? quote);
}

function marketOf({ markets }: Exchange, query: Query): Market {
  const pair = query.get("pair");
  const found = [...markets.values()].find(({ instrument }) => altnameOf(instrument) === pair);
  if (found === undefined) throw new RestError("", "EQuery:Unknown asset pair");
  return found;
}

function pairOf({ instrument: of }: Market): [string, object] {
  const [base, quote] = [older[of.base] ?? of.base, older[of.quote] ?? of.quote];
  const pair = {
    altname: base + quote,
    wsname: `${base}/${quote}`,
    aclass_base: "currency",
    base,
    aclass_quote: "currency",
    quote,
    lot: "unit",
    pair_decimals: of.priceDecimals,
    cost_decimals: 5,
    lot_decimals: of.qtyDecimals,
    lot_multiplier: 1,
    ordermin: decimalText(1, of.lotScale, of.lotScale),
    costmin: "0.5",
    tick_size: decimalText(1, of.priceScale, of.priceScale),
    status: of.delisted === true ? "delisted" : "online",
  };
  return [base + quote, pair];
}

/** From `since` on (s or ns, exclusive), else the newest; at most `count`, and where the next page begins. */
function trades({ instrument, trades: all, time }: Market, query: Query): object {
  const count = whole(query, "count", 1000, 1000);
  const since = query.get("since");
  if (since !== null && !/^\d{1,19}$/.test(since)) throw new RestError("", "EGeneral:Invalid arguments:since");
  const sinceMs = since === null ? undefined : millisOf(since);
  const start =
    sinceMs === undefined ? Math.max(0, all.length - count) : firstWhere(all, (trade) => trade.time > sinceMs);
  const page = all.slice(start, start + count);
  // A page never ends within one millisecond, or the next would leave out the rest of it.
  let end = start + page.length;
  while (page.length > 0 && all[end]?.time === page.at(-1)?.time) page.push(all[end++]!);
  const last = `${page.at(-1)?.time ?? time}000000`;
  return { [altnameOf(instrument)]: page.map((trade) => rowOf(instrument, trade)), last };
}

/** The venue takes a time in seconds and its own `last` in nanoseconds, which are beyond exact numbers. */
function millisOf(since: string): number {
  return since.length <= 10 ? Number(since) * 1_000 : Number(BigInt(since) / 1_000_000n);
}

function rowOf(of: SimulatedInstrument, trade: SimulatedTrade): unknown[] {
  const { id, price, qty, time, buyerIsMaker } = trade;
  return [priceText(of, price), qtyText(of, qty), time / 1000, buyerIsMaker ? "s" : "b", "l", "", id];
}

function depth(market: Market, query: Query): object {
  const of = market.instrument;
  const count = whole(query, "count", 100, 500);
  const seconds = Math.floor(market.time / 1000);
  const side = (which: "buy" | "sell") =>
    market.levels(which, count).map(([price, qty]) => [priceText(of, price), qtyText(of, qty), seconds]);
  return { [altnameOf(of)]: { asks: side("sell"), bids: side("buy") } };
}

function whole(query: Query, name: string, otherwise: number, most: number): number {
  return wholeOf(query, name, otherwise, most, new RestError("", "EGeneral:Invalid arguments"));
}
