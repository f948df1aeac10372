import type { BusMessage } from "../../infra/bus/bus.js";
import { IndexTask } from "../../processors/indices/index-task.js";
import { defaultSettings, type ProcessSettings } from "../../processors/settings.js";
import { type PlantOutput, SynchronousPlant } from "../../processors/synchronous-plant.js";
import { RawTask } from "../../processors/task/raw-task.js";
import type { TaskObserver } from "../../processors/task/task.js";
import { openCodecs } from "../../schemas/codec.js";
import { EmbeddedRegistry } from "../../schemas/embedded-registry.js";
import type { MessageOfTopic, OutputTopic } from "../../schemas/messages.js";
import { RawBatchWriter } from "../../schemas/raw-batch-writer.js";
import type { RawTick } from "../../schemas/ticks.js";

export const codecs = await openCodecs(new EmbeddedRegistry());

/** One partition, so that everything meets. */
export const onePartition: ProcessSettings = { ...defaultSettings, partitions: 1 };

/** An output as it stood in the log. */
export interface Output {
  readonly topic: OutputTopic;
  readonly key: string;
  readonly value: Uint8Array;
  readonly json: string;
}

/** The decoded messages of one topic. */
export function messagesOf<T extends OutputTopic>(outputs: readonly Output[], topic: T): MessageOfTopic[T][] {
  return outputs
    .filter((output) => output.topic === topic)
    .map(({ value }) => codecs[topic].decode(value) as MessageOfTopic[T]);
}

/** Ticks as records of market.raw, so many a record. */
export function recordsOf(ticks: readonly RawTick[], size = 1, session = "test"): Uint8Array[] {
  const writer = new RawBatchWriter(codecs["market.raw"].schemaId, session);
  const records: Uint8Array[] = [];
  for (const [number, tick] of ticks.entries()) {
    writer.append(tick, number);
    if (writer.count === size) records.push(writer.finish());
  }
  if (writer.count > 0) records.push(writer.finish());
  return records;
}

/** A task that keeps what it puts out. */
export class TaskRig {
  readonly outputs: Output[] = [];
  readonly messages: BusMessage[] = [];
  readonly refused: string[] = [];
  /** What was odd with ticks that were taken in. */
  readonly marked: string[] = [];
  readonly task: RawTask;
  #offset = 0;

  constructor(settings: ProcessSettings = onePartition, channels = true) {
    this.task = new RawTask({
      partition: 0,
      settings,
      codecs,
      sink: {
        channels,
        texts: true,
        record: ({ topic, key }, value, _timestamp, json) => this.outputs.push({ topic, key, value, json }),
        message: ({ channel, epoch, sequence, payload, kind }) =>
          this.messages.push({ channel, epoch, sequence, payload, kind }),
      },
      partitionOf: () => 0,
      observer: observerOf(this.refused, this.marked),
    });
  }

  process(records: readonly Uint8Array[], offset = this.#offset): this {
    this.#offset = offset;
    for (const record of records) this.task.process(record, this.#offset++);
    return this;
  }

  /** Shows the ticks, one a record. */
  take(...ticks: RawTick[]): this {
    return this.process(recordsOf(ticks, 1, `test-${this.#offset}`));
  }

  of<T extends OutputTopic>(topic: T): MessageOfTopic[T][] {
    return messagesOf(this.outputs, topic);
  }
}

/** An index task that keeps what it puts out. */
export class IndexRig {
  readonly outputs: Output[] = [];
  readonly task: IndexTask;
  #offset = 0;

  constructor(settings: ProcessSettings, partitionOf: (name: string) => number = () => 0) {
    this.task = new IndexTask({
      partition: 0,
      settings,
      codecs,
      sink: {
        channels: false,
        texts: true,
        record: ({ topic, key }, value, _timestamp, json) => this.outputs.push({ topic, key, value, json }),
        message: () => {},
      },
      partitionOf,
    });
  }

  process(records: readonly Uint8Array[], offset = this.#offset): this {
    this.#offset = offset;
    for (const record of records) this.task.process(record, this.#offset++);
    return this;
  }
}

/** A whole plant in one thread. */
export function plant(
  onOutput: (output: PlantOutput) => void,
  settings: ProcessSettings = defaultSettings,
  refused: string[] = [],
): SynchronousPlant {
  return new SynchronousPlant({ settings, codecs, onOutput, observer: observerOf(refused) });
}

function observerOf(refused: string[], marked: string[] = []): TaskObserver {
  return {
    refused: (_topic, reason) => refused.push(reason),
    marked: (_topic, reason) => marked.push(reason),
    book: () => {},
    ticks: () => {},
  };
}
