import type { BusMessage } from "../../infra/bus/bus.js";
import { message } from "./messages.js";

export const start = 1_795_000_020_000_000;
const minute = 60_000_000;

/** A small market on the bus: two venues and their aggregate, every kind of channel, moving when `step` is called. */
export class Market {
  private readonly sequences = new Map<string, number>();
  private now = start;
  /** In hundredths. */
  private price = 6_183_763;
  private seed = 7;

  constructor(
    private readonly publish: (messages: BusMessage[]) => Promise<void>,
    private readonly symbol = "BTC/USDT",
    private readonly venues = ["binance", "kraken"],
  ) {}

  /** Instruments, feeds, full books and an hour of closed candles on the one-minute channel. */
  async open(): Promise<void> {
    const out: BusMessage[] = [];
    for (const exchange of this.venues) {
      out.push(this.next(`instrument:${this.symbol}@${exchange}`, "value", this.instrument(exchange)));
      out.push(this.next(`feed:${exchange}`, "value", this.feed(exchange, true)));
    }
    for (const place of this.places()) {
      const depth = this.depth(place, true);
      out.push(this.next(`depth:${place.at}`, "value", { ...depth, is_snapshot: true }));
    }
    await this.publish(out);
    await this.step();
  }

  /** A trade, and what follows from it, on every channel. */
  async step(micros = 250_000): Promise<void> {
    this.now += micros;
    this.price += Math.floor(this.random() * 801) - 400;
    const out: BusMessage[] = [];
    for (const place of this.places()) out.push(...this.movesOf(place));
    out.push(this.next("index:BTC-USD", "value", this.index()));
    await this.publish(out);
  }

  async lose(exchange: string): Promise<void> {
    await this.publish([this.next(`feed:${exchange}`, "value", this.feed(exchange, false))]);
  }

  /** The last price as text. */
  get last(): string {
    return money(this.price);
  }

  private movesOf(place: Place): BusMessage[] {
    const { at, exchange } = place;
    const trade = {
      symbol: this.symbol,
      exchange: exchange === "aggregate" ? this.venues[0] : exchange,
      trade_id: String(this.now),
      price: this.last,
      qty: quantity(1 + Math.floor(this.random() * 90_000)),
      side: this.random() < 0.5 ? "buy" : "sell",
      timestamp: this.now,
      epoch: 1,
      sequence_num: this.now % 1_000_000_000,
      retracts: null,
      flags: [],
    };
    return [
      this.next(`trade:${at}`, "event", trade),
      this.next(`ticker:${at}`, "value", this.ticker(exchange)),
      this.next(`depth:${at}`, "increment", this.depth(place, false)),
      this.next(`kline:${at}:1m`, "value", this.kline(exchange, this.now - (this.now % minute), this.price, false)),
    ];
  }

  /** Closed candles of the past, as the store would have them. */
  history(exchange: string, count: number): object[] {
    const open = start - (start % minute);
    let price = 6_183_763 - 20_000;
    return Array.from({ length: count }, (_, at) => {
      price += Math.floor(this.random() * 12_001) - 5_900;
      return this.kline(exchange, open - (count - at) * minute, price, true);
    });
  }

  private kline(exchange: string, openTime: number, price: number, closed: boolean): object {
    const swing = Math.floor(this.random() * 4_000);
    return {
      symbol: this.symbol,
      exchange,
      interval: "1m",
      open_time: openTime,
      close_time: openTime + minute - 1,
      open: money(price - 2_000 + swing),
      high: money(price + 4_000 + swing),
      low: money(price - 6_000),
      close: money(price),
      volume: quantity(200_000 + swing * 100),
      quote_volume: "1234567.89",
      trade_count: 321,
      taker_buy_volume: quantity(90_000),
      taker_buy_quote_volume: "567890.12",
      is_closed: closed,
      revision: closed ? 900 : 1,
      flags: [],
      timestamp: openTime,
      epoch: 1,
      sequence_num: 1,
    };
  }

  private places(): Place[] {
    return [
      { exchange: "aggregate", at: this.symbol },
      ...this.venues.map((exchange) => ({ exchange, at: `${this.symbol}@${exchange}` })),
    ];
  }

  private next(channel: string, kind: BusMessage["kind"], data: object): BusMessage {
    const sequence = (this.sequences.get(channel) ?? 0) + 1;
    this.sequences.set(channel, sequence);
    return message(channel, sequence, kind, data);
  }

  private depth(place: Place, whole: boolean): object {
    const levels = (direction: number) =>
      Array.from({ length: whole ? 40 : 6 }, (_, at) => [
        money(6_183_763 + direction * (50 + at * 130)),
        quantity(1_000 + Math.floor(this.random() * 900_000)),
      ]);
    const sequence = this.sequences.get(`depth:${place.at}`) ?? 0;
    return {
      symbol: this.symbol,
      exchange: place.exchange,
      bids: levels(-1),
      asks: levels(1),
      first_update_id: sequence + 1,
      update_id: sequence + 1,
      is_snapshot: whole,
      status: "live",
      reason: null,
      timestamp: this.now,
      epoch: 1,
      sequence_num: sequence + 1,
      previous_sequence: sequence,
    };
  }

  private ticker(exchange: string): object {
    return {
      symbol: this.symbol,
      exchange,
      bid_price: money(this.price - 50),
      bid_qty: "1.25",
      ask_price: money(this.price + 50),
      ask_qty: "0.75",
      last_price: this.last,
      volume_24h: "18234.5521",
      quote_volume_24h: "1127500000.12",
      open_24h: "60912.4",
      high_24h: "62410.09",
      low_24h: "60405.5",
      weighted_price: exchange === "aggregate" ? this.last : null,
      median_price: exchange === "aggregate" ? this.last : null,
      venues: exchange === "aggregate" ? this.venues : null,
      timestamp: this.now,
      epoch: 1,
      sequence_num: 1,
    };
  }

  private index(): object {
    const constituents = this.venues.map((exchange, at) => ({
      exchange,
      symbol: this.symbol,
      price: this.last,
      weight: ["0.66666667", "0.33333333"][at] ?? "0",
      included: true,
      reason: "ok",
    }));
    const out = {
      exchange: "okx",
      symbol: this.symbol,
      price: null,
      weight: "0",
      included: false,
      reason: "feed_down",
    };
    return {
      name: "BTC-USD",
      value: this.last,
      status: "live",
      timestamp: this.now,
      epoch: 1,
      sequence_num: 1,
      constituents: [...constituents, out],
    };
  }

  private feed(exchange: string, connected: boolean): object {
    const feeds = [1, 2].map((number) => ({ feed: `market-${number}`, connected, since: this.now }));
    return { exchange, feeds, timestamp: this.now };
  }

  private instrument(exchange: string): object {
    return {
      symbol: this.symbol,
      exchange,
      native_id: this.symbol.replace("/", ""),
      status: "trading",
      contract_type: "spot",
      base: this.symbol.split("/")[0],
      quote: this.symbol.split("/")[1],
      tick_size: "0.01",
      lot_size: "0.00001",
      contract_size: "1",
      timestamp: this.now,
    };
  }

  /** Numerical Recipes' generator: the same market in every run. */
  private random(): number {
    this.seed = (Math.imul(this.seed, 1_664_525) + 1_013_904_223) >>> 0;
    return this.seed / 2 ** 32;
  }
}

interface Place {
  readonly exchange: string;
  /** `{symbol}@{venue}`, or the bare symbol. */
  readonly at: string;
}

const scaled = (units: number, decimals: number): string => {
  const digits = String(units).padStart(decimals + 1, "0");
  const fraction = digits.slice(-decimals).replace(/0+$/, "");
  return digits.slice(0, -decimals) + (fraction === "" ? "" : `.${fraction}`);
};
const money = (units: number): string => scaled(units, 2);
const quantity = (units: number): string => scaled(units, 5);
