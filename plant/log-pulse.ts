import type { Condition } from "../infra/health.js";
import type { Log } from "../infra/log/log.js";
import { KIND_HEARTBEAT, RawBatchReader } from "../schemas/raw-batch-reader.js";
import type { HeartbeatTick, IllStream } from "../schemas/ticks.js";

const TOPIC = "market.raw";
const EVERY_MS = 1_000;
const DEADLINE_MS = 5_000;
/** Heartbeats come every 250 ms; a log whose newest is so old has no ingest. */
const SILENT_MS = 8_000;
/** Records at the log's end among which a heartbeat is looked for; a busy partition has some dozens between two. */
const LOOK_BACK = 200;
const READ_BYTES = 256 * 1024;
const MOST_READS = 8;
const MOST_NAMED = 10;

export interface LogPulseOptions {
  readonly log: Pick<Log, "offsets" | "read">;
  /** Of `market.raw`'s values. */
  readonly schemaId: number;
}

/**
 * What the newest heartbeat of the log says of the feeds, for roles that live on what others write there. Feeds that
 * are all ill are this role's trouble, too: nothing comes; of some it is worth knowing.
 */
export class LogPulse {
  readonly #reader: RawBatchReader;
  readonly #timer: NodeJS.Timeout;
  readonly #begun = performance.now();
  #asking = false;
  #answeredAt = performance.now();
  #refusal: string | undefined;
  #heartbeat: HeartbeatTick | undefined;

  constructor(private readonly options: LogPulseOptions) {
    this.#reader = new RawBatchReader(options.schemaId);
    this.#timer = setInterval(() => void this.ask(), EVERY_MS);
    this.#timer.unref();
    void this.ask();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      this.#heartbeat = (await this.#newest()) ?? this.#heartbeat;
      this.#answeredAt = performance.now();
      this.#refusal = undefined;
    } catch (error) {
      this.#refusal = (error as Error).message;
    }
    this.#asking = false;
  }

  conditions(): Condition[] {
    const now = performance.now();
    if (this.#refusal !== undefined || now - this.#answeredAt > DEADLINE_MS) {
      const why = this.#refusal ?? `nothing within ${DEADLINE_MS / 1000} s`;
      return [
        { name: "log_not_readable", subject: TOPIC, reason: `the log does not answer: ${why}`, severity: "not_ready" },
      ];
    }
    const heartbeat = this.#heartbeat;
    if (heartbeat === undefined) {
      if (now - this.#begun < SILENT_MS) return [];
      return [noFeed(`${TOPIC} has no heartbeat: does the ingest role run?`)];
    }
    const ageMs = Date.now() - heartbeat.receiveTime / 1000;
    if (ageMs > SILENT_MS && heartbeat.end !== true) {
      const seconds = Math.round(ageMs / 1000);
      return [noFeed(`${TOPIC} has had no heartbeat for ${seconds} s: does the ingest role run, can it write?`)];
    }
    return feedConditions(heartbeat);
  }

  async #newest(): Promise<HeartbeatTick | undefined> {
    const { log } = this.options;
    const { start, end } = await log.offsets(TOPIC, 0);
    let found: HeartbeatTick | undefined;
    let offset = Math.max(start, end - LOOK_BACK);
    for (let reads = 0; offset < end && reads < MOST_READS; reads++) {
      const records = await log.read(TOPIC, 0, offset, READ_BYTES);
      if (records.length === 0) break;
      for (const { value } of records) found = this.#heartbeatIn(value) ?? found;
      offset = records.at(-1)!.offset + 1;
    }
    return found;
  }

  #heartbeatIn(value: Uint8Array | null): HeartbeatTick | undefined {
    if (value === null) return undefined;
    let found: HeartbeatTick | undefined;
    try {
      this.#reader.open(value);
      while (this.#reader.next()) {
        if (this.#reader.kind === KIND_HEARTBEAT) found = this.#reader.tick() as HeartbeatTick;
      }
    } catch {
      // garbage, or another version's: the processors say what it is
    }
    return found;
  }
}

/** Feeds that are down or ill as a whole, then the streams of those that are not. */
function feedConditions({ feeds, ill = [] }: HeartbeatTick): Condition[] {
  const troubles = feeds.flatMap(({ exchange, feed, connected }) => {
    const about = { subject: `${exchange} ${feed}` };
    if (!connected) return [{ ...about, name: "feed_down", reason: `no connection to ${exchange} (${feed})` }];
    const whole = ill.find((one) => one.exchange === exchange && one.feed === feed && one.symbol === "");
    return whole === undefined ? [] : [{ ...about, name: "feed_ill", reason: `${exchange} (${feed}): ${whole.how}` }];
  });
  const severity = troubles.length === feeds.length ? "not_ready" : "note";
  return [
    ...troubles.map((trouble): Condition => ({ ...trouble, severity })),
    ...streamConditions(ill.filter(({ symbol }) => symbol !== "")),
  ];
}

/** Others' business: what comes is worked on as before. */
function streamConditions(ill: readonly IllStream[]): Condition[] {
  if (ill.length === 0) return [];
  const named = ill
    .slice(0, MOST_NAMED)
    .map(({ exchange, symbol, kind, how }) => `${kind} of ${symbol} at ${exchange} (${how})`);
  const more = ill.length > MOST_NAMED ? ` and ${ill.length - MOST_NAMED} more` : "";
  return [
    {
      name: "stream_late",
      reason: `streams that do not come as they should: ${named.join(", ")}${more}`,
      severity: "note",
    },
  ];
}

const noFeed = (reason: string): Condition => ({ name: "no_feed", reason, severity: "not_ready" });
