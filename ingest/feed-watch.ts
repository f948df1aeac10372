import type { Condition } from "../infra/health.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { IllStream, RawTick } from "../schemas/ticks.js";
import type { Micros, SymbolName, VenueId } from "../schemas/words.js";
import { ClockOffset } from "./clock-offset.js";
import { RefusedStreams } from "./refused-streams.js";
import { LineStreams } from "./streams/line-streams.js";
import type { Lateness } from "./streams/stream.js";
import type { StreamWatch } from "./streams/stream-watch.js";
import type { ConnectionPlan } from "./venue.js";

/** One connection as its feed knows it. */
export interface WatchedLine {
  readonly plan: ConnectionPlan;
  readonly connection: {
    readonly connected: boolean;
    send(frames: readonly string[]): boolean;
    renew(reason: string): void;
  };
  readonly since: Micros;
  readonly lastFrameAt: Micros;
}

/** One book as its feed knows it. */
export interface WatchedBook {
  readonly symbol: SymbolName;
  readonly isLive: boolean;
}

export interface FeedWatchOptions {
  readonly exchange: VenueId;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Clocks may differ by so much. */
  readonly clockBoundMs: number;
  readonly streams: StreamWatch;
}

const GAUGES_EVERY: Micros = 1_000_000;
const MOST_NAMED = 5;

/** How one venue's feed is: its connections, its books, what the venue refuses, its clock. */
export class FeedWatch {
  readonly refused: RefusedStreams;
  readonly #clock: ClockOffset;
  readonly #streams: LineStreams;
  #gaugesAt: Micros = 0;

  constructor(private readonly options: FeedWatchOptions) {
    const { exchange, logger, clockBoundMs, streams } = options;
    this.#streams = new LineStreams(exchange, streams);
    this.refused = new RefusedStreams(exchange, logger);
    this.#clock = new ClockOffset(exchange, clockBoundMs);
  }

  /** A tick came over a socket. */
  seen(tick: RawTick): void {
    this.#clock.seen(tick.exchangeTime, tick.receiveTime);
    this.options.streams.seen(tick);
  }

  up(plan: ConnectionPlan, now: Micros): void {
    this.#streams.up(plan, now);
  }

  down(plan: ConnectionPlan): void {
    this.#streams.down(plan);
  }

  /** @param late all streams that are late, of any venue */
  judge(lines: readonly WatchedLine[], late: readonly Lateness[], now: Micros): void {
    this.#streams.judge(lines, late, now);
  }

  /** A connection carries other streams from here on; undefined where it ends. */
  replanned(former: ConnectionPlan, plan: ConnectionPlan | undefined, connected: boolean, now: Micros): void {
    this.refused.left(former);
    this.#streams.replanned(former, plan, connected, now);
  }

  /** Markets that are subscribed no more. */
  left(symbols: readonly SymbolName[]): void {
    const { metrics, exchange } = this.options;
    this.#streams.end(symbols);
    for (const symbol of symbols) metrics.bookLive.remove({ exchange, symbol });
  }

  /** A connection has ended for good. */
  closed({ plan }: WatchedLine): void {
    const { metrics, exchange } = this.options;
    const labels = { exchange, feed: plan.name };
    metrics.feedConnected.remove(labels);
    metrics.feedStaleness.remove(labels);
  }

  onTime(now: Micros, lines: readonly WatchedLine[], books: () => Iterable<WatchedBook>): void {
    this.#clock.onTime(now);
    this.refused.onTime(now, (plan, frames) => {
      const line = lines.find((one) => one.plan === plan);
      return line?.connection.send(frames) ?? false;
    });
    if (now - this.#gaugesAt < GAUGES_EVERY) return;
    this.#gaugesAt = now;
    this.#setGauges(now, lines, books());
  }

  /** What does not come as it should, for the heartbeat. */
  ill(lines: readonly WatchedLine[]): IllStream[] {
    const { exchange } = this.options;
    const ill = [...this.#streams.ill(), ...this.refused.ill()];
    if (this.#clock.conditions().length > 0) {
      // all that a feed brings is in doubt then; by how much is in the condition, since it changes all the time
      const since = this.#clock.offSince;
      for (const { plan } of lines)
        ill.push({ exchange, feed: plan.name, symbol: "", kind: "", how: "clock off", since });
    }
    const up = lines.filter(({ connection }) => connection.connected);
    if (up.length === 0 || up.length === lines.length) return ill;
    for (const { plan, connection, since } of lines) {
      if (connection.connected) continue;
      for (const { instrument, kinds } of plan.subscriptions) {
        for (const kind of kinds) {
          ill.push({ exchange, feed: plan.name, symbol: instrument.symbol, kind, how: "down", since });
        }
      }
    }
    return ill;
  }

  conditions(lines: readonly WatchedLine[], books: Iterable<WatchedBook>): Condition[] {
    const { exchange } = this.options;
    const held: Condition[] = [
      ...this.refused.conditions(),
      ...this.#clock.conditions(),
      ...this.#streams.conditions(),
    ];
    if (lines.length === 0)
      held.push(feedDown(exchange, "instruments", `${exchange} has not told its instruments yet`));
    for (const { plan, connection } of lines) {
      if (connection.connected) continue;
      held.push(feedDown(exchange, plan.name, `no connection to ${exchange} (${plan.name})`));
    }
    const wrong = [...books].filter(({ isLive }) => !isLive).map(({ symbol }) => symbol);
    if (wrong.length > 0) {
      const named = wrong.slice(0, MOST_NAMED).join(", ");
      const more = wrong.length > MOST_NAMED ? ` and ${wrong.length - MOST_NAMED} more` : "";
      const reason = `books of ${exchange} that are not right: ${named}${more}`;
      held.push({ name: "book_stale", subject: exchange, reason, severity: "not_ready" });
    }
    return held;
  }

  /** Whoever has the feed now says how it is. */
  end(lines: readonly WatchedLine[], symbols: readonly SymbolName[]): void {
    this.left(symbols);
    for (const line of lines) this.closed(line);
    this.options.metrics.feedClockOffset.remove({ exchange: this.options.exchange });
  }

  #setGauges(now: Micros, lines: readonly WatchedLine[], books: Iterable<WatchedBook>): void {
    const { metrics, exchange } = this.options;
    for (const { plan, connection, lastFrameAt } of lines) {
      const labels = { exchange, feed: plan.name };
      metrics.feedConnected.set(labels, connection.connected ? 1 : 0);
      metrics.feedStaleness.set(labels, (now - lastFrameAt) / 1_000_000);
    }
    const { offset } = this.#clock;
    if (offset !== undefined) metrics.feedClockOffset.set({ exchange }, offset / 1_000_000);
    for (const { symbol, isLive } of books) metrics.bookLive.set({ exchange, symbol }, isLive ? 1 : 0);
  }
}

function feedDown(exchange: VenueId, feed: string, reason: string): Condition {
  return { name: "feed_down", subject: `${exchange} ${feed}`, reason, severity: "not_ready" };
}
