import type { AggregateTrade } from "../aggregate-trades.js";
import { intervalMs, type SimulatedTrade } from "../candles.js";
import { dayStatistics } from "../day-statistics.js";
import type { DepthUpdate } from "../depth-changes.js";
import type { Client, Exchange, Streams } from "../dialect.js";
import type { OutgoingFrame, StreamKind } from "../faults.js";
import type { Market, Quote } from "../market.js";
import type { BinanceApi } from "./instruments.js";
import {
  aggregateTradePayload,
  depthPayload,
  klinePayload,
  parseStreamName,
  quotePayload,
  tickerPayload,
  tradePayload,
} from "./protocol.js";
import { answerRequest } from "./requests.js";

/** Turns what happens on the markets into frames for those who read them; what nobody reads is not encoded. */
export class BinanceStreams implements Streams {
  readonly #prefixes = new Map<Market, string>();

  constructor(
    private readonly dialect: BinanceApi,
    private readonly exchange: Exchange,
  ) {}

  serves(url: URL): boolean {
    const path = pathOf(url);
    return path === "/stream" || path === "/ws" || path.startsWith("/ws/");
  }

  opened(client: Client): boolean {
    const path = pathOf(client.url);
    client.combined = path === "/stream";
    const wanted = client.combined ? (client.url.searchParams.get("streams") ?? "") : path.slice("/ws/".length);
    const names = wanted.split("/").filter((name) => name !== "");
    if (!client.hasRoomFor(names.length)) return false;
    // In a URL the venue passes over streams that it does not know.
    for (const name of names) this.subscribe(client, name);
    return true;
  }

  message(client: Client, text: string): void {
    answerRequest(this.dialect, client, text, (name) => this.subscribe(client, name));
  }

  messageOf({ stream, payload }: OutgoingFrame, combined: boolean): string {
    return combined ? `{"stream":"${stream}","data":${payload}}` : payload;
  }

  wrongShape({ stream, kind, symbol }: OutgoingFrame): string {
    return `{"stream":"${stream}","data":{"e":"${kind}","E":"yesterday","s":["${symbol}"],"u":null,"t":{}}}`;
  }

  shutdownNotice(): string {
    return `{"e":"serverShutdown","E":${this.exchange.now()}}`;
  }

  trade(market: Market, trade: SimulatedTrade): void {
    this.#publish(market, "trade", "trade", () => tradePayload(market.instrument, this.dialect, trade));
  }

  aggregateTrade(market: Market, trade: AggregateTrade): void {
    this.#publish(market, "aggTrade", "aggTrade", () => aggregateTradePayload(market.instrument, this.dialect, trade));
  }

  quote(market: Market, quote: Quote): void {
    const payload = () => quotePayload(market.instrument, this.dialect, quote, market.time);
    this.#publish(market, "bookTicker", "bookTicker", payload);
  }

  depth(market: Market, update: DepthUpdate, periodMs: number): void {
    const payload = () => depthPayload(market.instrument, this.dialect, update);
    this.#publish(market, "depth", `depth@${periodMs}ms`, payload);
    const unnamed = this.dialect === "spot" ? 1000 : 250;
    if (periodMs === unnamed) this.#publish(market, "depth", "depth", payload);
  }

  /** 24 h statistics and K-lines, for whoever reads them. */
  everySecond(): void {
    const { markets } = this.exchange;
    for (const stream of this.exchange.streams()) {
      const name = parseStreamName(stream, this.dialect);
      const market = markets.get(name?.symbol ?? "");
      if (name === undefined || market === undefined) continue;
      const payload = this.#periodicPayload(market, name.kind, name.interval ?? "");
      if (payload !== undefined) this.exchange.publish({ stream, symbol: name.symbol, kind: name.kind, payload });
    }
  }

  #periodicPayload(market: Market, kind: StreamKind, interval: string): string | undefined {
    if (kind === "ticker") {
      const day = dayStatistics(market);
      return day && tickerPayload(market.instrument, this.dialect, day, market.quote);
    }
    if (kind !== "kline") return undefined;
    const candle = market.candles.of(intervalMs(interval)!, market.time).at(-1);
    return candle && klinePayload(market.instrument, interval, candle, market.time);
  }

  private subscribe(client: Client, name: string): boolean {
    const stream = parseStreamName(name, this.dialect);
    const market = this.exchange.markets.get(stream?.symbol ?? "");
    if (stream === undefined || market === undefined) return false;
    // as the venue does: acknowledged, and silent
    if (this.dialect === "usdm" && !isOnPath(stream.kind, client.url)) return true;
    if (stream.kind === "depth") market.depthEvery(stream.periodMs!);
    client.subscribe(name, stream.symbol);
    return true;
  }

  #publish(market: Market, kind: StreamKind, channel: string, payload: () => string): void {
    const stream = `${this.#prefixOf(market)}${channel}`;
    if (!this.exchange.wanted(stream)) return;
    this.exchange.publish({ stream, symbol: market.instrument.id, kind, payload: payload() });
  }

  /** What the names of a market's streams begin with: `btcusdt@`. */
  #prefixOf(market: Market): string {
    let prefix = this.#prefixes.get(market);
    if (prefix === undefined) {
      prefix = `${market.instrument.id.toLowerCase()}@`;
      this.#prefixes.set(market, prefix);
    }
    return prefix;
  }
}

/** USD-M has the book's streams and single trades under /public and the others under /market; without either, all. */
function isOnPath(kind: StreamKind, url: URL): boolean {
  const part = /^\/(public|market)\//.exec(url.pathname)?.[1];
  if (part === undefined) return true;
  const isPublic = kind === "depth" || kind === "bookTicker" || kind === "trade";
  return isPublic === (part === "public");
}

function pathOf(url: URL): string {
  return url.pathname.replace(/^\/(public|market)(?=\/)/, "");
}
