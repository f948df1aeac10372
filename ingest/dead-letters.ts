import { AppendCounts } from "../infra/log/append-counts.js";
import type { Log } from "../infra/log/log.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { DeadLetter } from "../schemas/messages.js";
import type { Micros, VenueId } from "../schemas/words.js";
import { backoffMs } from "./backoff.js";

const deadLetterTopic = "market.dlq";

export interface DeadLettersOptions {
  readonly log: Log;
  /** The letter in the wire format of `market.dlq`. */
  readonly encode: (letter: DeadLetter) => Uint8Array;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Names the run of ingest in the letters' epoch: its start, µs. */
  readonly epoch: number;
  /** The partition that is ingest's own; by the venue's name without. An embedded partition has one writer. */
  readonly partition?: number;
  /** Letters that wait for the log; one more is counted and let go. */
  readonly maxQueued?: number;
  /** Bytes of the original that are kept. */
  readonly maxBytes?: number;
}

/** A frame that was refused before it became ticks: it has no place in the log, hence no partition and no offset. */
export interface RefusedFrame {
  readonly exchange: VenueId;
  readonly text: string | Uint8Array;
  readonly reason: string;
  readonly detail: string;
  readonly timestamp: Micros;
  readonly epoch: number;
  readonly sequence: number;
  /** Bytes of the original that are kept; 64 KiB unless told. */
  readonly maxBytes?: number | undefined;
}

/** The letter of a refused frame. */
export function frameLetter(frame: RefusedFrame): DeadLetter {
  const { exchange, text, reason, detail, timestamp, epoch, sequence, maxBytes = 64 * 1024 } = frame;
  return {
    topic: "",
    partition: -1,
    offset: -1,
    index: -1,
    exchange,
    symbol: "",
    reason,
    detail: detail.slice(0, 1_000),
    original: Buffer.from(text).subarray(0, maxBytes),
    timestamp,
    epoch,
    sequence_num: sequence,
    log_time: timestamp,
    receive_time: timestamp,
  };
}

/** Frames that could not be read, with their original bytes, into `market.dlq`. Never throws and never blocks. */
export class DeadLetters {
  private readonly queue: { letter: DeadLetter; key: string; since: number }[] = [];
  private sending = Promise.resolve();
  private busy = false;
  private sequence = 0;
  private stopped = false;
  private readonly counts: AppendCounts;

  constructor(private readonly options: DeadLettersOptions) {
    this.counts = new AppendCounts(options.metrics, [deadLetterTopic]);
  }

  /** Takes a frame that was refused at ingest. @param reason a stable word, e.g. `unreadable_frame` */
  frame(exchange: VenueId, text: string | Uint8Array, reason: string, detail: string, timestamp: Micros): void {
    const { metrics } = this.options;
    metrics.deadLetters.inc({ topic: deadLetterTopic, reason });
    if (this.queue.length >= (this.options.maxQueued ?? 1_000)) {
      metrics.dropped.inc({ place: "dead_letters", reason: "buffer_full" });
      return;
    }
    this.sequence += 1;
    const { epoch, maxBytes } = this.options;
    const letter = frameLetter({ exchange, text, reason, detail, timestamp, epoch, sequence: this.sequence, maxBytes });
    this.queue.push({ letter, key: exchange, since: performance.now() });
    if (this.busy) return;
    this.busy = true;
    this.sending = this.send();
  }

  /** Writes what waits, for at most so long. */
  async close(timeoutMs = 1_000): Promise<void> {
    const timer = setTimeout(() => {
      this.stopped = true;
    }, timeoutMs);
    await this.sending;
    clearTimeout(timer);
    if (this.queue.length > 0) {
      this.options.metrics.dropped.inc({ place: "dead_letters", reason: "closed" }, this.queue.length);
    }
  }

  private async send(): Promise<void> {
    const { log, encode, logger, partition } = this.options;
    for (let attempt = 0; this.queue.length > 0 && !this.stopped; ) {
      const some = this.queue.slice(0, 50);
      try {
        const records = some.map(({ letter, key }) => ({
          topic: deadLetterTopic,
          ...(partition !== undefined && { partition }),
          key,
          value: encode(letter),
          timestamp: letter.timestamp,
        }));
        this.counts.take(records);
        await log.append(records);
        this.queue.splice(0, some.length);
        this.counts.ok(performance.now() - some[0]!.since);
        attempt = 0;
      } catch (error) {
        this.counts.error();
        if (attempt === 0) logger.warn({ err: error }, "dead letters could not be written; they wait");
        attempt += 1;
        await new Promise((resolve) => setTimeout(resolve, backoffMs(attempt, { baseMs: 50, capMs: 500 })));
      }
    }
    this.busy = false;
  }
}
