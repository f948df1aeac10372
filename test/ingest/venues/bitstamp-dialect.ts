import type { SimulatedTrade } from "../../../ingest/simulator/candles.js";
import type { DepthUpdate, IntegerLevel } from "../../../ingest/simulator/depth-changes.js";
import type { Client, Dialect, Exchange, Streams } from "../../../ingest/simulator/dialect.js";
import type { OutgoingFrame, StreamKind } from "../../../ingest/simulator/faults.js";
import { marketNumbers, priceText, qtyText, type SimulatedInstrument } from "../../../ingest/simulator/instruments.js";
import type { Market } from "../../../ingest/simulator/market.js";
import { firstWhere, type Query, RestError, type RestWords, type Route } from "../../../ingest/simulator/rest.js";

/** Bitstamp as the simulator plays it: WebSocket v2 and public REST, whose books are up to half a second old. */
export const bitstampDialect: Dialect = {
  wsPath: "",
  limits: {
    lifetimeMs: Number.POSITIVE_INFINITY,
    maxStreams: 1_024,
    maxMessagesPerSecond: 100,
    maxBufferedBytes: 64 * 1024 * 1024,
  },
  weightLimit: 1_000,
  updateIdHoles: false,
  nativeId: (symbol) => symbol.replace("/", "").toLowerCase(),
  instrument: (wanted) => {
    const { usdmDecimals: _, ...numbers } = marketNumbers(wanted, "spot");
    const { base, quote, priceScale, lotScale } = numbers;
    const qtyDecimals = Math.max(8, lotScale);
    return {
      id: (base + quote).toLowerCase(),
      ...numbers,
      priceDecimals: priceScale,
      qtyDecimals,
      amountDecimals: priceScale + qtyDecimals,
    };
  },
  streams: (exchange) => new BitstampStreams(exchange),
  rest: bitstampRest,
};

const restAgeMs = 500;
/** By market, the last time that a book was said to be of: no two states have the same. */
const stateTimes = new WeakMap<Market, number>();

function nextStateTime(market: Market): number {
  const time = Math.max(market.time * 1_000, (stateTimes.get(market) ?? 0) + 1);
  stateTimes.set(market, time);
  return time;
}

const kinds: Readonly<Record<string, StreamKind>> = {
  live_trades: "trade",
  order_book: "bookTicker",
  diff_order_book: "depth",
};

class BitstampStreams implements Streams {
  constructor(private readonly exchange: Exchange) {}

  serves(url: URL): boolean {
    return url.pathname === "/";
  }

  opened(): boolean {
    return true;
  }

  message(client: Client, text: string): void {
    let request: { event?: unknown; data?: { channel?: unknown } };
    try {
      request = JSON.parse(text) as typeof request;
    } catch {
      refuse(client, "Incorrect JSON format.");
      return;
    }
    const channel = String(request?.data?.channel);
    switch (request?.event) {
      case "bts:heartbeat":
        client.send('{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}');
        return;
      case "bts:subscribe":
        client.subscribe(channel, channel.slice(channel.lastIndexOf("_") + 1));
        client.send(JSON.stringify({ event: "bts:subscription_succeeded", channel, data: {} }));
        return;
      case "bts:unsubscribe":
        client.unsubscribe(channel);
        client.send(JSON.stringify({ event: "bts:unsubscription_succeeded", channel, data: {} }));
        return;
      default:
        refuse(client, "Bad subscription string.");
    }
  }

  everySecond(): void {}

  trade({ instrument }: Market, trade: SimulatedTrade): void {
    this.#publish(instrument, "live_trades", "trade", () => tradeData(instrument, trade));
  }

  aggregateTrade(): void {}

  quote(market: Market): void {
    this.#publish(market.instrument, "order_book", "data", () => bookData(market, nextStateTime(market), 100));
  }

  depth(market: Market, update: DepthUpdate, periodMs: number): void {
    if (periodMs !== 100) return;
    const { instrument } = market;
    this.#publish(instrument, "diff_order_book", "data", () => levelsData(instrument, nextStateTime(market), update));
  }

  messageOf({ payload }: OutgoingFrame): string {
    return payload;
  }

  wrongShape({ stream, kind }: OutgoingFrame): string {
    const data = { id: "none", price_str: null, bids: "none", microtimestamp: "now" };
    return JSON.stringify({ data, channel: stream, event: kind === "trade" ? "trade" : "data" });
  }

  shutdownNotice(): string {
    return '{"event":"bts:request_reconnect","channel":"","data":""}';
  }

  #publish({ id }: SimulatedInstrument, channel: string, event: string, data: () => object): void {
    const stream = `${channel}_${id}`;
    if (!this.exchange.wanted(stream)) return;
    const payload = JSON.stringify({ data: data(), channel: stream, event });
    this.exchange.publish({ stream, symbol: id, kind: kinds[channel]!, payload });
  }
}

function refuse(client: Client, message: string): void {
  client.send(JSON.stringify({ event: "bts:error", channel: "", data: { code: null, message } }));
}

function tradeData(of: SimulatedInstrument, { id, price, qty, time, buyerIsMaker, ...ids }: SimulatedTrade): object {
  return {
    id,
    timestamp: `${Math.floor(time / 1_000)}`,
    amount: Number(qtyText(of, qty)),
    amount_str: qtyText(of, qty),
    price: Number(priceText(of, price)),
    price_str: priceText(of, price),
    type: buyerIsMaker ? 1 : 0,
    microtimestamp: `${time}000`,
    buy_order_id: ids.buyOrderId,
    sell_order_id: ids.sellOrderId,
  };
}

function bookData(market: Market, time: number, limit?: number): object {
  const sides = { bids: market.levels("buy", limit), asks: market.levels("sell", limit) };
  return levelsData(market.instrument, time, sides);
}

function levelsData(
  of: SimulatedInstrument,
  time: number,
  { bids, asks }: { readonly bids: readonly IntegerLevel[]; readonly asks: readonly IntegerLevel[] },
): object {
  const texts = (levels: readonly IntegerLevel[]) =>
    levels.map(([price, qty]) => [priceText(of, price), qtyText(of, qty)]);
  const times = { timestamp: `${Math.floor(time / 1_000_000)}`, microtimestamp: `${time}` };
  return { ...times, bids: texts(bids), asks: texts(asks) };
}

function bitstampRest(exchange: Exchange): RestWords {
  const route = (answer: (query: Query) => string): Route => ({ weight: () => 1, answer });
  const routes = new Map<string, Route>();
  routes.set(
    "/api/v2/markets/",
    route(() => JSON.stringify([...exchange.markets.values()].map(marketOf))),
  );
  for (const [id, market] of exchange.markets) {
    routes.set(`/api/v2/order_book/${id}/`, route(agedBook(exchange, market)));
    routes.set(
      `/api/v2/transactions/${id}/`,
      route((query) => transactions(exchange, market, query)),
    );
  }
  const refusal = (status: number, code: string, reason: string) => ({
    status,
    body: JSON.stringify({ status: "error", reason, response_code: code }),
  });
  return {
    routes,
    headers: () => ({}),
    noSuchPath: () => refusal(404, "404.001", "Not found."),
    error: ({ message }) => refusal(400, "400.001", message),
    failure: (status) => refusal(status, `${status}.001`, "Service unavailable."),
    tooManyRequests: () => refusal(400, "400.002", "Request rejected due to exceeded rate limit."),
  };
}

function marketOf({ instrument: of }: Market): object {
  return {
    name: `${of.base}/${of.quote}`,
    market_symbol: of.id,
    base_currency: of.base,
    base_decimals: of.qtyDecimals,
    counter_currency: of.quote,
    counter_decimals: of.priceDecimals,
    minimum_order_value: "10",
    trading: of.delisted === true ? "Disabled" : "Enabled",
    instant_and_market_orders: "Enabled",
    market_type: "SPOT",
  };
}

function agedBook(exchange: Exchange, market: Market): () => string {
  let madeAt = Number.NEGATIVE_INFINITY;
  let body = "";
  return () => {
    if (exchange.now() - madeAt >= restAgeMs) {
      madeAt = exchange.now();
      body = JSON.stringify(bookData(market, nextStateTime(market)));
    }
    return body;
  };
}

const spansMs: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Newest first. */
function transactions(exchange: Exchange, { instrument, trades }: Market, query: Query): string {
  const span = spansMs[query.get("time") ?? "hour"];
  if (span === undefined) throw new RestError("", "Invalid time.");
  const start = firstWhere(trades, ({ time }) => time >= exchange.now() - span);
  const rows = trades.slice(start).map(({ id, price, qty, time, buyerIsMaker }) => ({
    date: `${Math.floor(time / 1_000)}`,
    tid: `${id}`,
    price: priceText(instrument, price),
    type: buyerIsMaker ? "1" : "0",
    amount: qtyText(instrument, qty),
  }));
  return JSON.stringify(rows.reverse());
}
