import type { BusMessage } from "../../infra/bus/bus.js";
import type { LogRecord } from "../../infra/log/log.js";
import { partitionOf } from "../../infra/log/partitioner.js";
import type { Micros } from "../../schemas/words.js";
import type { OutputSink } from "../outbox.js";
import type { OutputStream } from "./output-stream.js";

/** Gathers a task's outputs until the batch of input that made them is through. */
export class LogSink implements OutputSink {
  readonly channels = true;
  readonly texts = false;
  #records: LogRecord[] = [];
  #messages: BusMessage[] = [];

  constructor(readonly partitions: number) {}

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

  /** Hands over what has gathered and begins anew. */
  take(): { records: LogRecord[]; messages: BusMessage[] } {
    const taken = { records: this.#records, messages: this.#messages };
    this.#records = [];
    this.#messages = [];
    return taken;
  }
}
