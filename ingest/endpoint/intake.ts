import type { EndpointConfig } from "../../infra/config/endpoint-config.js";
import type { Metrics } from "../../infra/metrics.js";
import type { RawTick } from "../../schemas/ticks.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import type { Clock } from "../clock.js";
import type { DeadLetters } from "../dead-letters.js";
import type { Publisher } from "../publisher.js";
import { BadLine } from "../replay/errors.js";
import { ticks } from "../replay/formats/ticks.js";
import { RecordedInstruments } from "../replay/inferred-instruments.js";
import type { RecordingSink } from "../replay/recording-format.js";
import { noLines, tooFast, tooManyLines, unconfirmed } from "./errors.js";
import type { Writer } from "./keys.js";
import { type Fault, faultOf, type TimeLimits } from "./line-faults.js";

export interface IntakeParts {
  readonly publisher: Publisher;
  readonly deadLetters: DeadLetters;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly bounds: Pick<EndpointConfig, "maxLines" | "maxMarkets" | "maxMarketsPerKey">;
  readonly times: TimeLimits;
  /** Milliseconds that the log may take to confirm. */
  readonly confirmMs?: number;
}

/** What became of a request's lines. Every line that is not blank is either accepted or in `refused`. */
export interface IntakeAnswer {
  /** Lines that stand in the log. */
  readonly accepted: number;
  readonly refused: readonly RefusedLine[];
}

export interface RefusedLine extends Fault {
  /** Counted from 1, blank lines too. */
  readonly line: number;
}

/** Ticks between two questions for room; half of the publisher's buffer is room for more. */
const LINES_AT_ONCE = 200;

/**
 * Lines in the text format `ticks` into `market.raw`. Each is read, checked and published by itself; what is refused
 * goes to the dead letters too. The receive time is this plant's: a line may say when something happened, never when
 * it arrived, since log time follows it. What governs the ticks is inferred from their values where no line brings it.
 */
export class Intake {
  readonly #venues = new Map<VenueId, RecordedInstruments>();
  readonly #markets = new Set<string>();

  constructor(private readonly parts: IntakeParts) {}

  /**
   * Takes the lines of one request in. Resolves when the log has what was accepted.
   *
   * @throws IntakeRefused
   */
  async take(writer: Writer, body: string): Promise<IntakeAnswer> {
    const { bounds, clock, publisher } = this.parts;
    const lines = body.split("\n");
    const count = lines.reduce((sum, line) => sum + (isBlank(line) ? 0 : 1), 0);
    if (count === 0) throw noLines();
    if (count > bounds.maxLines) throw tooManyLines(count, bounds.maxLines);
    const wait = writer.bucket.take(count, performance.now());
    if (wait > 0) throw tooFast(writer.bucket.perSecond, wait);
    const refused: RefusedLine[] = [];
    for (const [index, line] of lines.entries()) {
      if (index > 0 && index % LINES_AT_ONCE === 0) {
        // sockets of venues wait for this very loop
        await new Promise(setImmediate);
        await within(publisher.room(), this.parts.confirmMs);
      }
      if (isBlank(line)) continue;
      const fault = this.#line(writer, line.trim(), clock());
      if (fault !== undefined) refused.push({ line: index + 1, ...fault });
    }
    if (!(await within(publisher.confirmed(), this.parts.confirmMs))) throw unconfirmed();
    return { accepted: count - refused.length, refused };
  }

  /** @returns why the line is refused; nothing of it is in then */
  #line(writer: Writer, text: string, now: Micros): Fault | undefined {
    const fault = this.#publish(writer, text, now);
    if (fault === undefined) return undefined;
    this.parts.metrics.dropped.inc({ place: "endpoint", reason: fault.reason });
    this.parts.deadLetters.frame(exchangeOf(text, writer), text, fault.reason, `${writer.name}: ${fault.detail}`, now);
    return fault;
  }

  #publish(writer: Writer, text: string, now: Micros): Fault | undefined {
    const read = ticksOf(text);
    if ("reason" in read) return read;
    const stamped = read.map((tick): RawTick => ({ ...tick, receiveTime: now }));
    for (const tick of stamped) {
      const fault = this.#faultOf(writer, tick, now);
      if (fault !== undefined) return fault;
    }
    for (const tick of stamped) {
      if (!this.#tick(tick)) return { reason: "buffer_full", detail: "the plant can not keep up: send it again" };
    }
    return undefined;
  }

  #faultOf(writer: Writer, tick: RawTick, now: Micros): Fault | undefined {
    if (!writer.exchanges.has(tick.exchange)) {
      return { reason: "not_allowed", detail: `exchange: this key writes ${[...writer.exchanges].join(", ")}` };
    }
    const fault = faultOf(tick, now, this.parts.times);
    if (fault !== undefined) return fault;
    const market = `${tick.exchange}|${tick.symbol}`;
    if (writer.markets.has(market)) return undefined;
    const { maxMarkets, maxMarketsPerKey } = this.parts.bounds;
    if (writer.markets.size >= maxMarketsPerKey) {
      return { reason: "too_many_markets", detail: `at most ${maxMarketsPerKey} of one key (maxMarketsPerKey)` };
    }
    if (!this.#markets.has(market) && this.#markets.size >= maxMarkets) {
      return { reason: "too_many_markets", detail: `at most ${maxMarkets} (maxMarkets)` };
    }
    this.#markets.add(market);
    writer.markets.add(market);
    return undefined;
  }

  /** @returns false when it was dropped */
  #tick(tick: RawTick): boolean {
    const { publisher } = this.parts;
    let venue = this.#venues.get(tick.exchange);
    if (venue === undefined) {
      venue = new RecordedInstruments(tick.exchange, (instrument) => publisher.publish(instrument));
      this.#venues.set(tick.exchange, venue);
    }
    if (tick.kind === "instrument") {
      venue.learn(tick);
      venue.show(tick.symbol);
      return true;
    }
    venue.govern(tick);
    return publisher.publish(tick);
  }
}

function ticksOf(text: string): RawTick[] | Fault {
  const found: RawTick[] = [];
  const sink: RecordingSink = { frame: () => {}, connection: () => {}, tick: (tick) => found.push(tick) };
  try {
    reader.line(text, sink);
    return found;
  } catch (error) {
    if (!(error instanceof BadLine)) throw error;
    return { reason: "unreadable_line", detail: error.message };
  }
}

const reader = ticks.reader("", {});

/** Under which venue a refused line is kept: the one it names, where the key may write it. */
function exchangeOf(text: string, writer: Writer): VenueId {
  const named = /"exchange"\s*:\s*"([^"]{1,64})"/.exec(text)?.[1] ?? "";
  return writer.exchanges.has(named) ? named : "";
}

const isBlank = (line: string): boolean => line.trim() === "";

/** @returns what it resolves with, false when it does not in time */
async function within(promise: Promise<unknown>, ms = 10_000): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return (await Promise.race([promise, late])) !== false;
  } finally {
    clearTimeout(timer);
  }
}
