import { setTimeout as setTimeoutPromise } from "node:timers/promises";
import type { Bus } from "../infra/bus/bus.js";
import { LogFull } from "../infra/log/errors.js";
import type { Consumer, Log, LogRecord, StoredRecord, TransactionalWriter } from "../infra/log/log.js";
import { partitionOf } from "../infra/log/partitioner.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { Codecs } from "../schemas/codec.js";
import { schemaIdOf } from "../schemas/wire.js";
import { IndexTask } from "./indices/index-task.js";
import type { ProcessSettings } from "./settings.js";
import { LogSink } from "./task/log-sink.js";
import { RawTask } from "./task/raw-task.js";
import type { Task, TaskObserver } from "./task/task.js";

export const PROCESS_GROUP = "process";
const STATE_TOPIC = "plant.state";
const STATE_READ_BYTES = 1024 * 1024;
/** How long outputs wait before a full log is asked again. */
const FULL_RETRY_MS = 500;
const LAG_EVERY_MS = 5_000;

export interface ProcessPorts {
  readonly log: Log;
  readonly bus: Bus;
  readonly codecs: Codecs;
  readonly settings: ProcessSettings;
  /** Wall time between checkpoints; they change no output. */
  readonly checkpointMs: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface Processing {
  /** Rejects when a task can not go on; never resolves. */
  readonly failed: Promise<never>;
  /** Records that wait, over all partitions. */
  lag(): Promise<number>;
  /** Writes a last checkpoint of every task and leaves the group. */
  stop(): Promise<void>;
}

/** The process role: runs a task for each partition that it is given. */
export async function runProcess(ports: ProcessPorts): Promise<Processing> {
  const { log, metrics } = ports;
  const running = new Map<string, RunningTask>();
  const consumer: Consumer = await log.consume(PROCESS_GROUP, ["market.raw", "index.input"], {
    async assigned(topic, partition) {
      const task = await RunningTask.start(ports, topic, partition);
      running.set(task.name, task);
      return task.position;
    },
    async records(topic, partition, records) {
      await running.get(`${topic}/${partition}`)!.handle(records);
    },
    async revoked(topic, partition) {
      const name = `${topic}/${partition}`;
      await running.get(name)?.stop();
      running.delete(name);
    },
    lost(topic, partition, records) {
      running.get(`${topic}/${partition}`)?.lost(records);
    },
  });
  const lag = setInterval(() => {
    measureLag(consumer, metrics).catch((error: unknown) => ports.logger.warn({ err: error }, "lag is unknown"));
  }, LAG_EVERY_MS);
  lag.unref();
  return {
    failed: consumer.failed,
    async lag() {
      return (await consumer.lag()).reduce((sum, { lag }) => sum + lag, 0);
    },
    async stop() {
      clearInterval(lag);
      for (const task of running.values()) task.hurry();
      await consumer.close();
    },
  };
}

async function measureLag(consumer: Consumer, metrics: Metrics): Promise<void> {
  for (const { topic, partition, lag } of await consumer.lag()) {
    metrics.consumerLag.set({ topic, partition: String(partition), consumer_group: PROCESS_GROUP }, lag);
  }
}

/**
 * A task with its place in the log: what it makes is appended first, its state written after. One thing at a time, so
 * that a checkpoint never stands for records whose outputs are not in the log yet.
 */
class RunningTask {
  readonly #sink: LogSink;
  /** State that a failed write left behind; it goes with the next one. */
  readonly #unwritten = new Map<string, string | null>();
  #lastCheckpoint = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #busy: Promise<unknown> = Promise.resolve();
  #stopping = false;
  /** Outputs were lost on the way to the log: what the state stands for is not there, so it is not written. */
  #failed = false;

  private constructor(
    readonly ports: ProcessPorts,
    readonly topic: string,
    readonly partition: number,
    readonly task: Task,
    sink: LogSink,
    readonly writer: TransactionalWriter,
    /** Where to begin; undefined without a former state. */
    readonly position: number | undefined,
  ) {
    this.#sink = sink;
  }

  /** Fences a former owner out, then restores the state and the position that it stands for. */
  static async start(ports: ProcessPorts, topic: string, partition: number): Promise<RunningTask> {
    const { log, codecs, settings, logger } = ports;
    const sink = new LogSink(settings.partitions);
    const options = {
      partition,
      settings,
      codecs,
      sink,
      partitionOf: (key: string) => partitionOf(key, settings.partitions),
      observer: observerOf(ports.metrics),
    };
    const task: Task = topic === "market.raw" ? new RawTask(options) : new IndexTask(options);
    const writer = await log.transactions(task.name);
    const state = await readState(ports, partition);
    const position = task.restore(state);
    if (position !== undefined) logger.debug({ task: task.name, position }, "task restored");
    task.announce?.();
    const { messages } = sink.take();
    if (messages.length > 0) await ports.bus.publish(messages);
    return new RunningTask(ports, topic, partition, task, sink, writer, position);
  }

  get name(): string {
    return this.task.name;
  }

  async handle(records: readonly StoredRecord[]): Promise<void> {
    await this.#alone(async () => {
      const { metrics, checkpointMs, codecs } = this.ports;
      const codec = codecs[this.topic as "market.raw" | "index.input"];
      const labels = { topic: this.topic, consumer_group: PROCESS_GROUP };
      const end = metrics.consumerProcessing.startTimer(labels);
      try {
        for (const { value, offset } of records) {
          if (value !== null && isForeign(codec, value)) await this.#prepare(value);
          this.task.process(value, offset);
        }
        metrics.consumerMessages.inc(labels, records.length);
        await this.#send();
      } catch (error) {
        this.#failed = true;
        throw error;
      } finally {
        end();
      }
      if (performance.now() - this.#lastCheckpoint >= checkpointMs) await this.#checkpoint();
      else this.#timer ??= setTimeout(() => this.#checkpointLater(), checkpointMs);
    });
  }

  /** Fetches the older schema that a record was written with; what no schema explains becomes a dead letter. */
  async #prepare(value: Uint8Array): Promise<void> {
    try {
      await this.ports.codecs[this.topic as "market.raw" | "index.input"].prepare(schemaIdOf(value));
    } catch (error) {
      this.ports.logger.warn({ err: error, task: this.name }, "a record of an unknown schema");
    }
  }

  lost(records: number): void {
    this.ports.logger.error({ task: this.name, records }, "records had left the log before they were processed");
    this.task.lost(records);
  }

  /** From here on nothing is waited for. */
  hurry(): void {
    this.#stopping = true;
  }

  async stop(): Promise<void> {
    this.hurry();
    clearTimeout(this.#timer);
    await this.#alone(async () => {
      await this.#send();
      await this.#checkpoint();
    });
    await this.writer.close();
  }

  /** Runs when all before it is through, however that ended. */
  #alone(run: () => Promise<void>): Promise<void> {
    const turn = this.#busy.then(run, run);
    this.#busy = turn.catch(() => {});
    return turn;
  }

  async #send(): Promise<void> {
    const { records, messages } = this.#sink.take();
    const { bus, metrics } = this.ports;
    if (records.length > 0) await this.#append(records);
    if (messages.length === 0) return;
    await bus.publish(messages);
    const latency = (performance.timeOrigin + performance.now()) / 1000 - this.task.clock.now / 1_000_000;
    metrics.endToEndLatency.observe({ topic: this.topic }, Math.max(0, latency));
  }

  /** A full log holds the task up until there is room; what is appended twice readers drop by sequence. */
  async #append(records: readonly LogRecord[]): Promise<void> {
    const { log, logger } = this.ports;
    for (let attempt = 0; ; attempt++) {
      try {
        await log.append(records);
        if (attempt > 0) logger.info({ task: this.name }, "the log has room again: outputs go on");
        return;
      } catch (error) {
        if (!(error instanceof LogFull) || this.#stopping) throw error;
        const { code, message } = error;
        if (attempt === 0) logger.error({ code, task: this.name, why: message }, "outputs wait until the log has room");
        await setTimeoutPromise(FULL_RETRY_MS);
      }
    }
  }

  /** A quiet partition's state is written too. */
  #checkpointLater(): void {
    this.#timer = undefined;
    void this.#alone(() => this.#checkpoint()).catch((error: unknown) =>
      this.ports.logger.error({ err: error, task: this.name }, "checkpoint failed; it is tried again with the next"),
    );
  }

  async #checkpoint(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#failed) return;
    this.#lastCheckpoint = performance.now();
    const { codecs } = this.ports;
    const timestamp = this.task.clock.now;
    for (const { key, value } of this.task.checkpoint()) this.#unwritten.set(key, value);
    if (this.#unwritten.size === 0) return;
    const records = [...this.#unwritten].map(
      ([key, value]): LogRecord => ({
        topic: STATE_TOPIC,
        partition: this.partition,
        key,
        value: value === null ? null : codecs[STATE_TOPIC].encode({ value }),
        timestamp,
      }),
    );
    try {
      await this.writer.write(records);
      this.#unwritten.clear();
    } catch (error) {
      if (!(error instanceof LogFull) || this.#stopping) throw error;
      const { code, message } = error;
      const said = { code, task: this.name, why: message };
      this.ports.logger.error(said, "the checkpoint waits until the log has room");
      this.#timer = setTimeout(() => this.#checkpointLater(), this.ports.checkpointMs);
    }
  }
}

/** Whether the record names a schema that the codec has not met; garbage names none. */
function isForeign(codec: { isPreparedFor(value: Uint8Array): boolean }, value: Uint8Array): boolean {
  try {
    return !codec.isPreparedFor(value);
  } catch {
    return false;
  }
}

/** The newest value of each key of one partition of the state. */
async function readState({ log, codecs }: ProcessPorts, partition: number): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  const { start, end } = await log.offsets(STATE_TOPIC, partition);
  for (let offset = start; offset < end; ) {
    const records = await log.read(STATE_TOPIC, partition, offset, STATE_READ_BYTES);
    if (records.length === 0) break;
    for (const { key, value } of records) {
      if (key === null) continue;
      if (value === null) state.delete(key);
      else state.set(key, codecs[STATE_TOPIC].decode(value).value);
    }
    offset = records.at(-1)!.offset + 1;
  }
  return state;
}

function observerOf(metrics: Metrics): TaskObserver {
  return {
    refused: (topic, reason) => metrics.deadLetters.inc({ topic, reason }),
    book: (exchange, symbol, live) => metrics.bookLive.set({ exchange, symbol }, live ? 1 : 0),
    ticks: () => {},
  };
}
