import type { SimulatedTrade } from "../candles.js";
import type { Exchange } from "../dialect.js";
import { decimalText, type SimulatedInstrument } from "../instruments.js";
import type { Market } from "../market.js";
import { firstWhere, type Query, RestError, type RestWords, type Route, whole as wholeOf } from "../rest.js";
import { snapshotEntry, tickerEntry, tradeEntry } from "./messages.js";

/** OKX's public REST (docs-v5): instruments, trades and their history, books, tickers, time. */
export function okxRest(exchange: Exchange): RestWords {
  const route = (answer: (query: Query) => readonly unknown[]): Route => ({
    weight: () => 1,
    answer: (query) => JSON.stringify({ code: "0", msg: "", data: answer(query) }),
  });
  const market = (query: Query) => marketOf(exchange, query);
  const routes = {
    "/api/v5/public/time": route(() => [{ ts: String(exchange.now()) }]),
    "/api/v5/public/instruments": route((query) => instruments(exchange, query)),
    "/api/v5/market/trades": route((query) => newest(market(query), whole(query, "limit", 100, 500))),
    "/api/v5/market/history-trades": route((query) => history(market(query), query)),
    "/api/v5/market/books": route((query) => [snapshotEntry(market(query))]),
    "/api/v5/market/ticker": route((query) => [tickerEntry(market(query))]),
  };
  const refusal = (status: number, code: string, msg: string) => ({
    status,
    body: JSON.stringify({ code, msg, data: [] }),
  });
  return {
    routes: new Map(Object.entries(routes)),
    headers: () => ({}),
    noSuchPath: () => refusal(404, "404", "Not Found"),
    error: ({ code, message }) => refusal(400, String(code), message),
    failure: (status) => refusal(status, "50001", "Service temporarily unavailable. Try again later."),
    tooManyRequests: () => refusal(429, "50011", "Too Many Requests"),
  };
}

function marketOf({ markets }: Exchange, query: Query): Market {
  const found = markets.get(query.get("instId") ?? "");
  if (found === undefined) throw new RestError("51001", "Instrument ID does not exist.");
  return found;
}

function instruments({ markets }: Exchange, query: Query): object[] {
  const type = query.get("instType");
  if (type === null) throw new RestError("50014", "Parameter instType can not be empty.");
  return type === "SPOT" ? [...markets.values()].map(({ instrument }) => instrumentOf(instrument)) : [];
}

function instrumentOf(of: SimulatedInstrument): object {
  return {
    instType: "SPOT",
    instId: of.id,
    uly: "",
    instFamily: "",
    baseCcy: of.base,
    quoteCcy: of.quote,
    settleCcy: "",
    ctVal: "",
    ctMult: "",
    ctValCcy: "",
    optType: "",
    stk: "",
    listTime: "1548133413000",
    expTime: "",
    tickSz: decimalText(1, of.priceScale, of.priceScale),
    lotSz: decimalText(1, of.lotScale, of.lotScale),
    minSz: decimalText(1, of.lotScale, of.lotScale),
    ctType: "",
    alias: "",
    state: of.delisted === true ? "expired" : "live",
  };
}

/** Newest first. */
function newest({ instrument, trades }: Market, limit: number): object[] {
  return rows(instrument, trades.slice(-limit));
}

/** `type` 1 pages by trade id: those before `after`, newest first. */
function history({ instrument, trades }: Market, query: Query): object[] {
  const limit = whole(query, "limit", 100, 100);
  const after = whole(query, "after", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (query.get("type") === "2") throw new RestError("51000", "Parameter type error");
  const end = firstWhere(trades, ({ id }) => id >= after);
  return rows(instrument, trades.slice(Math.max(0, end - limit), end));
}

function rows(of: SimulatedInstrument, trades: readonly SimulatedTrade[]): object[] {
  return trades.map((trade) => tradeEntry(of, trade)).reverse();
}

function whole(query: Query, name: string, otherwise: number, most: number): number {
  return wholeOf(query, name, otherwise, most, new RestError("51000", `Parameter ${name} error`));
}
