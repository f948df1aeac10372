import type { BufferPool } from "../../infra/buffer-pool.js";
import type { BusMessage } from "../../infra/bus/bus.js";
import type { LogRecord } from "../../infra/log/log.js";
import { partitionOf } from "../../infra/log/partitioner.js";
import type { Micros } from "../../schemas/words.js";
import type { OutputSink } from "../outbox.js";
import type { Chunks } from "./byte-writer.js";
import type { OutputStream } from "./output-stream.js";

/** What has gathered. */
export interface Taken {
  readonly records: LogRecord[];
  readonly messages: BusMessage[];
  /** Buffers in which these and earlier outputs lie, and no later ones. */
  readonly chunks: readonly Buffer<ArrayBuffer>[];
}

/** A record whose time of leaving is not known yet. */
type Gathered = { -readonly [Field in keyof LogRecord]: LogRecord[Field] };

/** Gathers a task's outputs until the batch of input that made them is through. */
export class LogSink implements OutputSink, Chunks {
  readonly channels = true;
  readonly texts = false;
  #records: Gathered[] = [];
  #messages: BusMessage[] = [];

  /** Chunks that are full, with outputs that were taken or lie here. */
  #full: Buffer<ArrayBuffer>[] = [];

  constructor(
    readonly partitions: number,
    /** For chunks. */
    readonly pool: BufferPool,
  ) {}

  get chunks(): Chunks {
    return this;
  }

  next(full: Buffer<ArrayBuffer>, bytes: number): Buffer<ArrayBuffer> {
    this.#full.push(full);
    return bytes <= this.pool.size ? this.pool.take() : Buffer.allocUnsafeSlow(bytes);
  }

  record(stream: OutputStream, value: Uint8Array, timestamp: Micros): void {
    const { topic, key } = stream;
    if (stream.partition < 0) stream.partition = partitionOf(key, this.partitions);
    this.#records.push({ topic, partition: stream.partition, key, value, timestamp });
  }

  message(message: BusMessage): void {
    this.#messages.push(message);
  }

  /** Outputs that have gathered. */
  get length(): number {
    return Math.max(this.#records.length, this.#messages.length);
  }

  /**
   * Hands over what has gathered and begins anew.
   *
   * @param sentAt wall clock, µs: it stands beside the records, and not in them, since what a task makes is a function
   *   of its input
   */
  take(sentAt: Micros): Taken {
    for (const record of this.#records) record.timestamp = sentAt;
    const taken = { records: this.#records, messages: this.#messages, chunks: this.#full };
    this.#records = [];
    this.#messages = [];
    if (this.#full.length > 0) this.#full = [];
    return taken;
  }
}
