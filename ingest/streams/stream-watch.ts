import type { RawTick } from "../../schemas/ticks.js";
import type { Micros, SymbolName, VenueId } from "../../schemas/words.js";
import { GapHistory, TOGETHER } from "./gap-history.js";
import { type Lateness, Stream, type StreamKind, type StreamMarket } from "./stream.js";
import { verdictOf } from "./verdict.js";

/** So many gaps over so much time say what a stream is like; trades come in bursts and take longer. */
const KNOWN_GAPS = 20;
const KNOWN_AFTER: Micros = 10_000_000;
const KNOWN_TRADES = 50;
const KNOWN_TRADES_AFTER: Micros = 20_000_000;
/** Nothing is late sooner. */
const LEAST_PATIENCE: Micros = 11_000_000;
/** Patience beyond the 99.9 % gap, by count and by time. Below 100 gaps the longest is no such gap yet, hence more. */
const BY_COUNT = 2.6;
const BY_TIME = 1.1;
/** And so many standard deviations beyond the mean of its newest gaps, as when a night falls; this much at most. */
const BY_RECENT = 12;
const MOST_BY_RECENT = 2.9;
/** So many times its patience. */
const OUTAGE = 2;
const LOOK_AGAIN = 256;
const FEW_GAPS = 100;
const MOST_BY_FEW: Micros = 14_000_000;
const RECENT = 1 / 40;
const ALL_KINDS = ["trade", "quote", "ticker", "depth", "oracle"] as const;

/**
 * What each stream (venue, symbol, kind) is like by its own history, and which are late for it. Holds no clock: time is
 * that of the ticks and of `judge`. A tick costs a look-up and, ten times a second at most, one count.
 */
export class StreamWatch {
  readonly #venues = new Map<VenueId, Map<SymbolName, StreamMarket>>();
  readonly #streams: Stream[] = [];
  readonly #history = new GapHistory();

  get size(): number {
    return this.#streams.length;
  }

  /** A live tick came; what was back-filled or begins a book anew says nothing of the stream. */
  seen(tick: RawTick): void {
    const { kind } = tick;
    if (kind === "heartbeat" || kind === "instrument") return;
    if (kind === "trade" && tick.backfilled) return;
    if (kind === "depth" && tick.action !== "increment" && !this.#isSnapshots(tick)) return;
    const market = this.market(tick.exchange, tick.symbol);
    const stream = market.streams[kind] ?? this.#create(market, kind, tick.receiveTime);
    if (kind === "ticker") this.#tickerMoved(market, tick.lastPrice);
    else if (kind === "quote") this.#quoteMoved(market, tick.bidPrice, tick.askPrice);
    this.#arrived(stream, tick.receiveTime);
  }

  /** The stream was asked for, and its connection is up (again). What it was like before still holds. */
  expect(exchange: VenueId, symbol: SymbolName, kind: StreamKind, now: Micros): void {
    const market = this.market(exchange, symbol);
    this.#begin(market.streams[kind] ?? this.#create(market, kind, now), true, now);
  }

  #begin(stream: Stream, expected: boolean, now: Micros): void {
    stream.expected = expected;
    stream.up = true;
    stream.since = now;
    stream.moves = 0;
    // the gap that lies behind is the connection's
    stream.arrivedAt = 0;
  }

  /** Its connection is gone: nothing is expected of it meanwhile. */
  down(exchange: VenueId, symbol: SymbolName, kind: StreamKind): void {
    const stream = this.#venues.get(exchange)?.get(symbol)?.streams[kind];
    if (stream === undefined) return;
    stream.up = false;
    stream.lateSince = 0;
    stream.slowSince = 0;
  }

  /** Nobody takes it in here now. What it was like is kept: leases may come back. */
  leave(exchange: VenueId, symbol: SymbolName): void {
    const market = this.#venues.get(exchange)?.get(symbol);
    for (const { kind } of Object.values(market?.streams ?? {})) this.down(exchange, symbol, kind);
  }

  /** All that are late at this instant. */
  judge(now: Micros): Lateness[] {
    const late: Lateness[] = [];
    for (const stream of this.#streams) {
      if (!stream.up) continue;
      // what is well is passed over quickly: it is nearly all
      const quiet = now - Math.max(stream.last, stream.since);
      if (quiet < LEAST_PATIENCE && stream.slowSince === 0) {
        stream.lateSince = 0;
        continue;
      }
      const verdict = verdictOf(stream, now);
      if (verdict !== undefined) late.push(verdict);
    }
    return late;
  }

  /** What is known of a stream. */
  find(exchange: VenueId, symbol: SymbolName, kind: StreamKind): Readonly<Stream> | undefined {
    return this.#venues.get(exchange)?.get(symbol)?.streams[kind];
  }

  /** All of a venue that is taken in without connections of its own plan. */
  venue(exchange: VenueId, up: boolean, now: Micros): void {
    for (const [symbol, { streams }] of this.#venues.get(exchange) ?? []) {
      for (const { kind, expected } of Object.values(streams)) {
        if (!up) this.down(exchange, symbol, kind);
        else this.#begin(streams[kind]!, expected, now);
      }
    }
  }

  /** The market's streams, made where they are not yet. */
  market(exchange: VenueId, symbol: SymbolName): StreamMarket {
    let markets = this.#venues.get(exchange);
    if (markets === undefined) {
      markets = new Map();
      this.#venues.set(exchange, markets);
    }
    let market = markets.get(symbol);
    if (market === undefined) {
      market = { exchange, symbol, streams: {}, lastPrice: "", bidPrice: "", askPrice: "" };
      markets.set(symbol, market);
    }
    return market;
  }

  #create(market: StreamMarket, kind: StreamKind, now: Micros): Stream {
    const stream = new Stream(market, kind, this.#history.add());
    stream.since = now;
    market.streams[kind] = stream;
    this.#streams.push(stream);
    return stream;
  }

  /** Some venues send whole books each time; of others a snapshot is REST's. */
  #isSnapshots({ exchange, symbol }: { exchange: VenueId; symbol: SymbolName }): boolean {
    return (this.#venues.get(exchange)?.get(symbol)?.streams.depth?.gaps ?? 1) === 0;
  }

  #arrived(stream: Stream, time: Micros): void {
    stream.last = time;
    stream.moves = 0;
    const gap = time - stream.arrivedAt;
    if (gap < TOGETHER) return;
    const first = stream.arrivedAt === 0;
    stream.arrivedAt = time;
    if (first) return;
    stream.gaps += 1;
    const weight = stream.gaps < 1 / RECENT ? 1 / stream.gaps : RECENT;
    const off = gap - stream.recentGap;
    stream.recentGap += off * weight;
    stream.recentVariance += (off * off - stream.recentVariance) * weight;
    // a gap far beyond patience was an outage, by which nothing is judged after it
    this.#history.record(stream.number, gap > stream.patience * OUTAGE ? stream.patience : gap);
    if (stream.gaps >= stream.nextLook) this.#lookAt(stream, time);
    // it spoke: whether it is slow is looked at where it is not late
    if (stream.usualGap > 0 && stream.recentGap < stream.usualGap * 4) stream.slowSince = 0;
    else if (stream.slowSince === 0 && stream.usualGap > 0 && stream.recentGap > stream.usualGap * 10)
      stream.slowSince = time;
  }

  #lookAt(stream: Stream, now: Micros): void {
    stream.nextLook = stream.gaps + Math.min(8 + Math.floor(stream.gaps * 0.05), LOOK_AGAIN);
    const isTrade = stream.kind === "trade";
    if (stream.gaps < (isTrade ? KNOWN_TRADES : KNOWN_GAPS)) return;
    const { gaps, time, byCount, byTime } = this.#history.summary(stream.number);
    if (time < (isTrade ? KNOWN_TRADES_AFTER : KNOWN_AFTER) && now > 0) return;
    const few = 1 + (2 * Math.max(0, FEW_GAPS - gaps)) / FEW_GAPS;
    const cold = Math.min(BY_COUNT * few * byCount, MOST_BY_FEW);
    const mean = stream.recentGap;
    const recent = Math.min(mean + BY_RECENT * Math.sqrt(stream.recentVariance), MOST_BY_RECENT * byCount);
    stream.patience = Math.max(LEAST_PATIENCE, BY_COUNT * byCount, cold, BY_TIME * byTime, recent);
    stream.usualGap = time / gaps;
  }

  #tickerMoved(market: StreamMarket, lastPrice: string): void {
    const { trade } = market.streams;
    if (trade !== undefined && market.lastPrice !== "" && market.lastPrice !== lastPrice) trade.moves += 1;
    market.lastPrice = lastPrice;
  }

  #quoteMoved(market: StreamMarket, bid: string, ask: string): void {
    const { depth } = market.streams;
    if (depth === undefined) return;
    if (market.bidPrice !== "" && (market.bidPrice !== bid || market.askPrice !== ask)) depth.moves += 1;
    market.bidPrice = bid;
    market.askPrice = ask;
  }
}

export const streamKinds: readonly StreamKind[] = ALL_KINDS;
