import { partitionOf } from "../infra/log/partitioner.js";
import type { Codecs } from "../schemas/codec.js";
import type { DeadLetter, OutputTopic } from "../schemas/messages.js";
import { RawBatchWriter } from "../schemas/raw-batch-writer.js";
import type { RawTick } from "../schemas/ticks.js";
import { IndexTask } from "./indices/index-task.js";
import type { OutputSink } from "./outbox.js";
import type { ProcessSettings } from "./settings.js";
import { RawTask } from "./task/raw-task.js";
import type { Task, TaskObserver } from "./task/task.js";

/** One output as it would stand in the log. */
export interface PlantOutput {
  readonly topic: OutputTopic;
  readonly key: string;
  /** The value as JSON text. */
  readonly json: string;
  /** The value as Avro in the wire format; valid during the call. */
  readonly value: Uint8Array;
}

/**
 * All processors in one thread without log, bus or clock: ticks in, outputs out in log order. The tasks are the very
 * same as those behind a log, one per partition, so its outputs are those that a plant would write.
 */
export class SynchronousPlant {
  readonly #options: SynchronousPlantOptions;
  readonly #raw: RawTask[] = [];
  readonly #index: IndexTask[] = [];
  readonly #writer: RawBatchWriter;
  readonly #offsets: number[];
  #inputs: Uint8Array[] = [];
  #number = 0;

  constructor(options: SynchronousPlantOptions) {
    this.#options = options;
    const { settings, codecs } = options;
    this.#writer = new RawBatchWriter(codecs["market.raw"].schemaId, "replay");
    const byName = (name: string) => partitionOf(name, settings.partitions);
    const sink = this.#sink();
    const observer = options.observer;
    for (let partition = 0; partition < settings.partitions; partition++) {
      const task = { partition, settings, codecs, sink, partitionOf: byName, ...(observer && { observer }) };
      this.#raw.push(new RawTask(task));
      this.#index.push(new IndexTask(task));
    }
    this.#offsets = this.#raw.map(() => 0);
  }

  get tasks(): readonly Task[] {
    return [...this.#raw, ...this.#index];
  }

  /** Takes a tick into its symbol's partition; a heartbeat into every one. */
  publish(tick: RawTick): void {
    const number = this.#number++;
    if (tick.kind === "heartbeat") {
      for (const partition of this.#raw.keys()) this.#process(partition, tick, number);
    } else {
      this.#process(partitionOf(tick.symbol, this.#options.settings.partitions), tick, number);
    }
  }

  /** Takes a letter about what was refused before it became a tick; it goes out as it is. */
  deadLetter(letter: DeadLetter): void {
    const json = JSON.stringify({ ...letter, original: Buffer.from(letter.original).toString("base64") });
    const value = this.#options.codecs["market.dlq"].encode(letter);
    this.#options.onOutput({ topic: "market.dlq", key: letter.exchange, value, json });
  }

  #process(partition: number, tick: RawTick, number: number): void {
    this.#writer.append(tick, number);
    this.#raw[partition]!.process(this.#writer.finish(), this.#offsets[partition]!++);
    while (this.#inputs.length > 0) this.#forward();
  }

  #forward(): void {
    const inputs = this.#inputs;
    this.#inputs = [];
    for (const input of inputs) {
      const { name } = this.#options.codecs["index.input"].decode(input);
      this.#index[partitionOf(name, this.#options.settings.partitions)]!.process(input, 0);
    }
  }

  #sink(): OutputSink {
    return {
      channels: false,
      texts: true,
      record: ({ topic, key }, value, _timestamp, json) => {
        if (topic === "index.input") this.#inputs.push(value);
        this.#options.onOutput({ topic, key, value, json });
      },
      message: () => {},
    };
  }
}

export interface SynchronousPlantOptions {
  readonly settings: ProcessSettings;
  readonly codecs: Codecs;
  readonly onOutput: (output: PlantOutput) => void;
  readonly observer?: TaskObserver;
}
