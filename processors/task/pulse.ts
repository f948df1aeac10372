import type { IllStream } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import type { Outbox } from "../outbox.js";
import type { Feeds } from "./feeds.js";
import type { Json, LogClock } from "./operator.js";
import { OutputStream } from "./output-stream.js";

/** One in so much log time. */
const EVERY: Micros = 1_000_000;

/**
 * A task's sign of life on the bus, channel `pulse:{partition}`: that its partition's time runs, and how the feeds are. It
 * follows from the heartbeats of the log alone, so that it ends when ingest, log, processor or bus stand still.
 */
export class Pulse {
  readonly #stream: OutputStream;
  #last: Micros = 0;

  constructor(
    private readonly partition: number,
    private readonly partitions: number,
    private readonly outbox: Outbox,
    private readonly clock: LogClock,
    private readonly feeds: Feeds,
  ) {
    this.#stream = new OutputStream("market.dlq", `${partition}`, `pulse:${partition}`, "", "");
  }

  /** @param ended the log's timeline ends here */
  beat(ended: boolean): void {
    const { now } = this.clock;
    if (now - this.#last < EVERY && !ended) return;
    this.#last = now;
    const { partition, partitions } = this;
    const venues = this.feeds.all();
    this.outbox.channelOnly(this.#stream, {
      partition,
      partitions,
      ended,
      feeds: venues.flatMap(({ exchange, feeds }) => feeds.map((feed) => ({ exchange, ...feed }))),
      ill: venues.flatMap(({ ill }) => ill),
      timestamp: now,
    });
  }

  save(): Json {
    return { last: this.#last, stream: [...this.#stream.save()] };
  }

  load(saved: Json): void {
    const { last, stream } = saved as unknown as { last: Micros; stream: [number, number] };
    this.#last = last;
    if (stream[1] > 0) this.#stream.load(stream);
  }
}

/** As messages have it. */
export const illMessages = (ill: readonly IllStream[]) =>
  ill.map(({ feed, symbol, kind, how, since }) => ({ feed, symbol, kind, how, since }));
