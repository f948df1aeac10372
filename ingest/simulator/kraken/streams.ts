import type { SimulatedTrade } from "../candles.js";
import type { DepthUpdate } from "../depth-changes.js";
import type { Client, Exchange, Streams } from "../dialect.js";
import type { OutgoingFrame, StreamKind } from "../faults.js";
import type { Market } from "../market.js";
import { DepthView } from "./depth-view.js";
import { bookMessage, tickerMessage, timeText, tradeMessage } from "./messages.js";

const depths: readonly unknown[] = [10, 25, 100, 500, 1000];
/** The venue sends at once; here the changes of so long are one message. */
const bookPeriodMs = 100;

interface Request {
  readonly method?: unknown;
  readonly params?: {
    readonly channel?: unknown;
    readonly symbol?: unknown;
    readonly depth?: unknown;
    readonly snapshot?: unknown;
  };
  readonly req_id?: unknown;
}

/** Kraken's WebSocket v2: an answer for each symbol, snapshots, a heartbeat every second. */
export class KrakenStreams implements Streams {
  /** By stream, what its readers have of the book. */
  readonly #views = new Map<string, DepthView>();

  constructor(private readonly exchange: Exchange) {}

  serves(url: URL): boolean {
    return url.pathname === "/v2";
  }

  opened(client: Client): boolean {
    const data = [{ version: "2.0.0", system: "online", api_version: "v2", connection_id: 12_345_678_901_234 }];
    client.send(JSON.stringify({ channel: "status", type: "update", data }));
    return true;
  }

  message(client: Client, text: string): void {
    const timeIn = timeText(this.exchange.now());
    let request: Request;
    try {
      request = JSON.parse(text) as Request;
    } catch {
      client.send(JSON.stringify({ error: "Unsupported format", success: false, time_in: timeIn, time_out: timeIn }));
      return;
    }
    const { method, params = {}, req_id } = request ?? {};
    const tail = { ...(req_id !== undefined && { req_id }), time_in: timeIn, time_out: timeText(this.exchange.now()) };
    if (method === "ping") {
      client.send(JSON.stringify({ method: "pong", ...tail }));
      return;
    }
    const symbols = Array.isArray(params.symbol) ? params.symbol.map(String) : [];
    for (const symbol of symbols) this.#carryOut(client, String(method), params, symbol, tail);
  }

  everySecond(): void {}

  heartbeat(): void {
    this.exchange.broadcast('{"channel":"heartbeat"}');
  }

  trade(market: Market, trade: SimulatedTrade): void {
    this.#publish(market, "trade", `trade:${market.instrument.id}`, () => tradeMessage(market.instrument, trade));
  }

  aggregateTrade(): void {}

  quote(market: Market): void {
    this.#publish(market, "bookTicker", `ticker:${market.instrument.id}`, () => tickerMessage(market, "update"));
  }

  depth(market: Market, _update: DepthUpdate, periodMs: number): void {
    if (periodMs !== bookPeriodMs) return;
    for (const depth of depths) {
      const stream = `book:${market.instrument.id}:${depth}`;
      const view = this.#views.get(stream);
      if (view === undefined || !this.exchange.wanted(stream)) continue;
      const changes = view.changes();
      if (changes.bids.length + changes.asks.length === 0) continue;
      this.#publish(market, "depth", stream, () => bookMessage(market, "update", changes));
    }
  }

  messageOf({ payload }: OutgoingFrame): string {
    return payload;
  }

  wrongShape({ stream, symbol }: OutgoingFrame): string {
    const channel = stream.slice(0, stream.indexOf(":"));
    return JSON.stringify({ channel, type: "update", data: [{ symbol, price: "dear", bids: "none", bid: null }] });
  }

  wrongChecksum(frame: OutgoingFrame): OutgoingFrame | undefined {
    const payload = frame.payload.replace(/"checksum":(\d+)/, (_, sum: string) => `"checksum":${Number(sum) ^ 1}`);
    return payload === frame.payload ? undefined : { ...frame, payload: payload.replace('checksum":-', 'checksum":') };
  }

  /** The venue closes without a word. */
  shutdownNotice(): undefined {
    return undefined;
  }

  #carryOut(client: Client, method: string, params: Request["params"], symbol: string, tail: object): void {
    const channel = String(params?.channel);
    const depth = params?.depth ?? 10;
    const stream = channel === "book" ? `book:${symbol}:${depth}` : `${channel}:${symbol}`;
    const listed = this.exchange.markets.get(symbol);
    const market = listed?.instrument.delisted === true ? undefined : listed;
    const error = refusalOf(client, method, channel, depth, stream, market);
    if (market === undefined || error !== undefined) {
      client.send(JSON.stringify({ error: error ?? unknownPair(symbol), method, success: false, symbol, ...tail }));
      return;
    }
    const snapshot = params?.snapshot !== false;
    if (method === "subscribe") {
      // The snapshot must be what all readers of the stream have: what gathers for it goes out first.
      if (channel === "book") market.flush();
      client.subscribe(stream, symbol);
    } else {
      client.unsubscribe(stream);
    }
    const result = { channel, ...(channel === "book" && { depth }), snapshot, symbol };
    client.send(JSON.stringify({ method, result, success: true, ...tail }));
    if (method === "subscribe" && snapshot) this.#sendFirst(client, market, channel, stream, Number(depth));
  }

  #sendFirst(client: Client, market: Market, channel: string, stream: string, depth: number): void {
    if (channel === "ticker") client.send(tickerMessage(market, "snapshot"));
    if (channel !== "book") return;
    const view = this.#views.get(stream) ?? new DepthView(market, depth);
    this.#views.set(stream, view);
    client.send(bookMessage(market, "snapshot", view.snapshot()));
  }

  #publish(market: Market, kind: StreamKind, stream: string, payload: () => string): void {
    if (!this.exchange.wanted(stream)) return;
    this.exchange.publish({ stream, symbol: market.instrument.id, kind, payload: payload() });
  }
}

function unknownPair(symbol: string): string {
  return `Currency pair not supported ${symbol}`;
}

function refusalOf(
  client: Client,
  method: string,
  channel: string,
  depth: unknown,
  stream: string,
  market: Market | undefined,
): string | undefined {
  if (method !== "subscribe" && method !== "unsubscribe") return "Unsupported method";
  if (market === undefined) return undefined;
  if (!["trade", "ticker", "book"].includes(channel)) return "Subscription name invalid";
  if (channel === "book" && !depths.includes(depth)) return "Subscription depth not supported";
  if (method === "subscribe" && client.streams.has(stream)) return "Already subscribed";
  return undefined;
}
