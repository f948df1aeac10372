import type { BusMessage } from "../infra/bus/bus.js";
import type { LogRecord } from "../infra/log/log.js";
import { partitionOf } from "../infra/log/partitioner.js";
import type { OutputTopic } from "../schemas/messages.js";
import type { Micros } from "../schemas/words.js";
import type { OutputSink } from "./outbox.js";

/** Gathers a task's outputs until the batch of input that made them is through. */
export class LogSink implements OutputSink {
  readonly channels = true;
  #records: LogRecord[] = [];
  #messages: BusMessage[] = [];
  readonly #partitionOfKey = new Map<string, number>();

  constructor(readonly partitions: number) {}

  record(topic: OutputTopic, key: string, value: Uint8Array, timestamp: Micros): void {
    let partition = this.#partitionOfKey.get(key);
    if (partition === undefined) {
      partition = partitionOf(key, this.partitions);
      this.#partitionOfKey.set(key, partition);
    }
    this.#records.push({ topic, partition, key, value, timestamp });
  }

  message(message: BusMessage): void {
    this.#messages.push(message);
  }

  /** Hands over what has gathered and begins anew. */
  take(): { records: LogRecord[]; messages: BusMessage[] } {
    const taken = { records: this.#records, messages: this.#messages };
    this.#records = [];
    this.#messages = [];
    return taken;
  }
}
