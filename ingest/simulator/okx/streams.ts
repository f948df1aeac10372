import type { AggregateTrade } from "../aggregate-trades.js";
import type { SimulatedTrade } from "../candles.js";
import type { DepthUpdate } from "../depth-changes.js";
import type { Client, Exchange, Streams } from "../dialect.js";
import type { OutgoingFrame, StreamKind } from "../faults.js";
import type { Market, Quote } from "../market.js";
import {
  aggregateEntry,
  bestEntry,
  channelMessage,
  snapshotEntry,
  tickerEntry,
  tradeEntry,
  updateEntry,
} from "./messages.js";

/** Which address has a channel, and what it is like. */
const channels: Readonly<Record<string, { readonly path: string; readonly kind: StreamKind }>> = {
  trades: { path: "/ws/v5/public", kind: "aggTrade" },
  "trades-all": { path: "/ws/v5/business", kind: "trade" },
  books: { path: "/ws/v5/public", kind: "depth" },
  "bbo-tbt": { path: "/ws/v5/public", kind: "bookTicker" },
  tickers: { path: "/ws/v5/public", kind: "ticker" },
};

const bookPeriodMs = 100;
const connId = "a4d3ae55";

/** OKX's WebSocket: requests answered one by one, a snapshot with each subscription to a book, `ping` and `pong`. */
export class OkxStreams implements Streams {
  constructor(private readonly exchange: Exchange) {}

  serves(url: URL): boolean {
    return url.pathname === "/ws/v5/public" || url.pathname === "/ws/v5/business";
  }

  opened(): boolean {
    return true;
  }

  message(client: Client, text: string): void {
    if (text === "ping") {
      client.send("pong");
      return;
    }
    let request: { op?: unknown; args?: unknown };
    try {
      request = JSON.parse(text) as typeof request;
    } catch {
      refuse(client, "60012", `Illegal request: ${text}`);
      return;
    }
    const { op, args } = request ?? {};
    if ((op !== "subscribe" && op !== "unsubscribe") || !Array.isArray(args)) {
      refuse(client, "60012", `Illegal request: ${text}`);
      return;
    }
    for (const { channel, instId } of args as { channel: string; instId: string }[]) {
      if (op === "subscribe") this.#subscribe(client, channel, instId);
      else this.#unsubscribe(client, channel, instId);
    }
  }

  everySecond(): void {
    for (const market of this.exchange.markets.values()) {
      this.#publish(market, "tickers", () => channelMessage("tickers", market.instrument.id, tickerEntry(market)));
    }
  }

  trade(market: Market, trade: SimulatedTrade): void {
    const { instrument } = market;
    this.#publish(market, "trades-all", () =>
      channelMessage("trades-all", instrument.id, tradeEntry(instrument, trade)),
    );
  }

  aggregateTrade(market: Market, trade: AggregateTrade): void {
    const { instrument } = market;
    this.#publish(market, "trades", () => channelMessage("trades", instrument.id, aggregateEntry(instrument, trade)));
  }

  quote(market: Market, quote: Quote): void {
    const { instrument } = market;
    const message = () => channelMessage("bbo-tbt", instrument.id, bestEntry(instrument, quote, market.time));
    this.#publish(market, "bbo-tbt", message);
  }

  depth(market: Market, update: DepthUpdate, periodMs: number): void {
    if (periodMs !== bookPeriodMs) return;
    this.#publish(market, "books", () =>
      channelMessage("books", market.instrument.id, updateEntry(market, update), "update"),
    );
  }

  messageOf({ payload }: OutgoingFrame): string {
    return payload;
  }

  wrongShape({ stream, symbol }: OutgoingFrame): string {
    const channel = stream.slice(0, stream.indexOf(":"));
    return JSON.stringify({ arg: { channel, instId: symbol }, action: "update", data: [{ instId: symbol, ts: null }] });
  }

  wrongChecksum(frame: OutgoingFrame): OutgoingFrame | undefined {
    const payload = frame.payload.replace(/"checksum":(-?\d+)/, (_, sum: string) => `"checksum":${Number(sum) ^ 1}`);
    return payload === frame.payload ? undefined : { ...frame, payload };
  }

  shutdownNotice(): string {
    const msg = "The connection will soon be closed for a service upgrade. Please reconnect.";
    return JSON.stringify({ event: "notice", code: "64008", msg, connId });
  }

  #subscribe(client: Client, channel: string, instId: string): void {
    const market = this.exchange.markets.get(instId);
    if (
      market === undefined ||
      market.instrument.delisted === true ||
      channels[channel]?.path !== client.url.pathname
    ) {
      const why = `Wrong URL or channel:${channel},instId:${instId} doesn't exist. Please use the correct URL, channel and parameters referring to API document.`;
      refuse(client, "60018", why);
      return;
    }
    // The snapshot's id must be the one that the next update follows: what gathers for it goes out first.
    if (channel === "books") market.flush();
    client.subscribe(`${channel}:${instId}`, instId);
    client.send(JSON.stringify({ event: "subscribe", arg: { channel, instId }, connId }));
    const first = this.#firstOf(market, channel);
    if (first !== undefined) client.send(first);
  }

  /** What a subscription begins with. */
  #firstOf(market: Market, channel: string): string | undefined {
    const { instrument } = market;
    switch (channel) {
      case "books":
        return channelMessage(channel, instrument.id, snapshotEntry(market), "snapshot");
      case "bbo-tbt":
        return channelMessage(channel, instrument.id, bestEntry(instrument, market.quote, market.time));
      case "tickers":
        return channelMessage(channel, instrument.id, tickerEntry(market));
      default:
        return undefined;
    }
  }

  #unsubscribe(client: Client, channel: string, instId: string): void {
    client.unsubscribe(`${channel}:${instId}`);
    client.send(JSON.stringify({ event: "unsubscribe", arg: { channel, instId }, connId }));
  }

  #publish(market: Market, channel: string, payload: () => string): void {
    const { id } = market.instrument;
    const stream = `${channel}:${id}`;
    if (!this.exchange.wanted(stream)) return;
    this.exchange.publish({ stream, symbol: id, kind: channels[channel]!.kind, payload: payload() });
  }
}

function refuse(client: Client, code: string, msg: string): void {
  client.send(JSON.stringify({ event: "error", code, msg, connId }));
}
