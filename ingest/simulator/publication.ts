import { intervalMs, type SimulatedTrade } from "./candles.js";
import type { Connections } from "./connections.js";
import { dayStatistics } from "./day-statistics.js";
import type { DepthUpdate } from "./depth-changes.js";
import type { Faults } from "./faults.js";
import type { Dialect } from "./instruments.js";
import type { Market, MarketListener, Quote } from "./market.js";
import {
  type AggregateTrade,
  aggregateTradePayload,
  depthPayload,
  klinePayload,
  parseStreamName,
  quotePayload,
  type StreamKind,
  tickerPayload,
  tradePayload,
} from "./protocol.js";

/** Turns what happens on the markets into frames for those who read them; what nobody reads is not encoded. */
export class Publication implements MarketListener {
  constructor(
    private readonly dialect: Dialect,
    private readonly connections: Connections,
    private readonly faults: Faults,
  ) {}

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
  everySecond(markets: ReadonlyMap<string, Market>): void {
    for (const stream of this.connections.streams()) {
      const name = parseStreamName(stream, this.dialect);
      const market = markets.get(name?.symbol ?? "");
      if (name === undefined || market === undefined) continue;
      const payload = this.#periodicPayload(market, name.kind, name.interval ?? "");
      if (payload !== undefined) this.faults.pass({ stream, symbol: name.symbol, kind: name.kind, payload });
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

  #publish(market: Market, kind: StreamKind, channel: string, payload: () => string): void {
    const stream = `${market.streamPrefix}${channel}`;
    if (!this.connections.wanted(stream)) return;
    this.faults.pass({ stream, symbol: market.instrument.id, kind, payload: payload() });
  }
}
