import type { Condition } from "../../infra/health.js";
import type { Metrics } from "../../infra/metrics.js";
import type { FeedState, IllStream, RawTick } from "../../schemas/ticks.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import type { AwaitedStream } from "../source.js";
import { reasonOf } from "./line-streams.js";
import type { Lateness } from "./stream.js";
import { StreamWatch } from "./stream-watch.js";

const JUDGE_EVERY: Micros = 500_000;
/** Streams that a heartbeat names; where more are ill their feeds stand for them. */
const MOST_TOLD = 500;
const MOST_NAMED = 20;

interface JudgedFeed {
  judge(late: readonly Lateness[], now: Micros): void;
}

/** A source that is no venue's feed. */
interface OtherSource {
  states(): readonly FeedState[];
  /** What it has asked for. */
  awaited?(): Iterable<AwaitedStream>;
}

/** The health of all streams of one ingest: those of venues' sockets, and what other sources bring. */
export class IngestStreams {
  readonly watch = new StreamWatch();
  #judgedAt: Micros = 0;
  #late: readonly Lateness[] = [];
  readonly #shown = new Map<string, Lateness>();
  /** Of venues without sockets of our own: whether all their connections are up. */
  readonly #up = new Map<VenueId, boolean>();
  /** Streams of these venues that were asked for and whose connections are up. */
  readonly #awaited = new Map<string, AwaitedStream>();

  /** @param native venues whose feeds show their ticks themselves, before books hold them back */
  constructor(
    private readonly native: ReadonlySet<VenueId>,
    private readonly metrics: Metrics,
  ) {}

  /** A tick is published. */
  readonly published = (tick: RawTick): void => {
    if (!this.native.has(tick.exchange)) this.watch.seen(tick);
  };

  onTime(now: Micros, feeds: Iterable<JudgedFeed>, others: readonly OtherSource[]): void {
    if (now - this.#judgedAt < JUDGE_EVERY) return;
    this.#judgedAt = now;
    const states = others.flatMap((source) => source.states());
    this.#follow(states, now);
    this.#await(
      others.flatMap((source) => [...(source.awaited?.() ?? [])]),
      now,
    );
    this.#late = this.watch.judge(now);
    for (const feed of feeds) feed.judge(this.#late, now);
    this.#show();
  }

  /** Of sources that are no venue's feeds. */
  conditions(): Condition[] {
    const late = this.#others();
    const held = late.slice(0, MOST_NAMED).map((one): Condition => {
      const subject = `${one.kind} ${one.symbol}@${one.exchange}`;
      // it was asked for, and nothing of it ever came: that is no habit that was learned
      const severity = one.how === "silent" ? "not_ready" : "note";
      return { name: "stream_late", subject, reason: reasonOf(one, this.#judgedAt), severity };
    });
    const more = late.length - held.length;
    if (more <= 0) return held;
    return [...held, { name: "stream_late", reason: `${more} more streams are late`, severity: "note" }];
  }

  /** For the heartbeat. @param told by the feeds themselves */
  ill(told: readonly IllStream[]): IllStream[] {
    const others = this.#others().map(({ exchange, symbol, kind, how, since }) => {
      return { exchange, feed: "", symbol, kind, how, since };
    });
    const all = [...told, ...others];
    if (all.length <= MOST_TOLD) return all;
    const feeds = new Map<string, IllStream>();
    for (const { exchange, feed, since } of all) {
      const how = "many streams are late";
      feeds.set(`${exchange} ${feed}`, { exchange, feed, symbol: "", kind: "", how, since });
    }
    return [...feeds.values()];
  }

  #others(): Lateness[] {
    return this.#late.filter(({ exchange }) => !this.native.has(exchange));
  }

  #follow(states: readonly FeedState[], now: Micros): void {
    const up = new Map<VenueId, boolean>();
    for (const { exchange, connected } of states) up.set(exchange, connected && (up.get(exchange) ?? true));
    for (const [exchange, isUp] of up) {
      if (this.native.has(exchange) || this.#up.get(exchange) === isUp) continue;
      this.#up.set(exchange, isUp);
      this.watch.venue(exchange, isUp, now);
    }
    // a source that has ended here, as with its lease, is awaited no more
    for (const exchange of this.#up.keys()) {
      if (up.has(exchange)) continue;
      this.#up.delete(exchange);
      this.watch.venue(exchange, false, now);
    }
  }

  #await(asked: readonly AwaitedStream[], now: Micros): void {
    const before = new Map(this.#awaited);
    for (const one of asked) {
      const { exchange, symbol, kind } = one;
      if (this.#up.get(exchange) !== true) continue;
      const name = nameOf(one);
      before.delete(name);
      this.#awaited.set(name, one);
      const known = this.watch.find(exchange, symbol, kind);
      if (known?.expected !== true || !known.up) this.watch.expect(exchange, symbol, kind, now);
    }
    // down, or left
    for (const [name, { exchange, symbol, kind }] of before) {
      this.#awaited.delete(name);
      this.watch.down(exchange, symbol, kind);
    }
  }

  #show(): void {
    const { streamLate } = this.metrics;
    if (this.#late.length === 0 && this.#shown.size === 0) return;
    const late = new Map(this.#late.map((one) => [nameOf(one), one]));
    for (const [name, { exchange, symbol, kind }] of this.#shown) {
      if (late.has(name)) continue;
      streamLate.set({ exchange, symbol, kind }, 0);
      this.#shown.delete(name);
    }
    for (const [name, one] of late) {
      const { exchange, symbol, kind } = one;
      streamLate.set({ exchange, symbol, kind }, 1);
      this.#shown.set(name, one);
    }
  }
}

const nameOf = ({ exchange, symbol, kind }: AwaitedStream): string => `${exchange} ${symbol} ${kind}`;
