import { setImmediate as nextLoop } from "node:timers/promises";
import type { BufferPool } from "../infra/buffer-pool.js";
import type { Bus } from "../infra/bus/bus.js";
import type { Condition } from "../infra/health.js";
import { AppendCounts } from "../infra/log/append-counts.js";
import type { Log, LogRecord, StoredRecord, TransactionalWriter } from "../infra/log/log.js";
import { partitionOf } from "../infra/log/partitioner.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { Clock } from "../infra/wall-clock.js";
import type { Codecs } from "../schemas/codec.js";
import { schemaIdOf } from "../schemas/wire.js";
import { IndexTask } from "./indices/index-task.js";
import type { ProcessSettings } from "./settings.js";
import { LogSink } from "./task/log-sink.js";
import { Outgoing } from "./task/outgoing.js";
import { isPassing } from "./task/passing.js";
import { RawTask } from "./task/raw-task.js";
import { readState, STATE_TOPIC } from "./task/state-topic.js";
import type { Task } from "./task/task.js";
import { TaskMetrics } from "./task/task-metrics.js";
import type { Turn, Turns } from "./task/turns.js";

export const PROCESS_GROUP = "process";
/** What tasks append to. */
const outputTopics = ["trade", "ticker", "depth", "kline", "index", "dlq"].map((kind) => `market.${kind}`);
/** Outputs of a batch of input after which they leave, though more of it is to be worked on. */
const SEND_FROM = 1_000;

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

/** What the tasks of a process have in common. */
export interface CommonToTasks {
  readonly turns: Turns;
  /** In which outputs are written. */
  readonly chunks: BufferPool;
  /** Of the wall, µs: when outputs leave. */
  readonly clock: Clock;
  /** Is told of what failed while no batch was at work. */
  readonly failed: (task: RunningTask, error: unknown) => void;
}

/**
 * A task with its place in the log. Its state is taken between two batches of input and written once all that was made
 * before is in the log and on the bus, while the next batches are worked on: a checkpoint never stands for records whose
 * outputs are not there yet.
 */
export class RunningTask {
  readonly #sink: LogSink;
  /** State that a failed write left behind; it goes with the next one. */
  readonly #unwritten = new Map<string, string | null>();
  #lastCheckpoint: number;
  #timer: NodeJS.Timeout | undefined;
  #busy: Promise<unknown> = Promise.resolve();
  #checkpointing: Promise<void> | undefined;
  #stopping = false;
  /** Somebody else waits for the partition. */
  #leaving = false;
  readonly #outgoing: Outgoing;
  readonly #stateCounts: AppendCounts;
  /** What the state stands for is not in the log, or the task is over: nothing more is written. */
  #failed: Error | undefined;
  /** The next offset to read. */
  #next: number | undefined;

  private constructor(
    readonly ports: ProcessPorts,
    readonly topic: string,
    readonly partition: number,
    readonly task: Task,
    sink: LogSink,
    readonly writer: TransactionalWriter,
    /** Where to begin; undefined without a former state. */
    readonly position: number | undefined,
    private readonly shown: TaskMetrics,
    private readonly common: CommonToTasks,
  ) {
    this.#sink = sink;
    const { log, bus, logger, metrics, checkpointMs, settings } = ports;
    // tasks that begin together do not write their states together: what is processed meanwhile would wait
    this.#lastCheckpoint = performance.now() - (checkpointMs * (partition % settings.partitions)) / settings.partitions;
    this.#stateCounts = new AppendCounts(metrics, [STATE_TOPIC]);
    this.#outgoing = new Outgoing({
      log,
      bus,
      logger,
      task: task.name,
      metrics,
      topics: [...outputTopics, "index.input"],
      published: (logTime) => {
        const latency = (performance.timeOrigin + performance.now()) / 1000 - logTime / 1_000_000;
        metrics.endToEndLatency.observe({ topic }, Math.max(0, latency));
      },
    });
  }

  /** Fences a former owner out, then restores the state and the position that it stands for. */
  static async start(
    ports: ProcessPorts,
    topic: string,
    partition: number,
    common: CommonToTasks,
  ): Promise<RunningTask> {
    const { log, codecs, settings, logger } = ports;
    const sink = new LogSink(settings.partitions, common.chunks);
    const shown = new TaskMetrics(ports.metrics, logger);
    const options = {
      partition,
      settings,
      codecs,
      sink,
      partitionOf: (key: string) => partitionOf(key, settings.partitions),
      observer: shown,
    };
    const task: Task = topic === "market.raw" ? new RawTask(options) : new IndexTask(options);
    const writer = await log.transactions(task.name);
    const state = await readState(log, codecs, partition, task.name).catch(async (error: unknown) => {
      await writer.close();
      throw error;
    });
    const position = task.restore(state);
    if (position !== undefined) logger.debug({ task: task.name, position }, "task restored");
    task.announce?.();
    const { messages } = sink.take(common.clock());
    if (messages.length > 0) await ports.bus.publish(messages);
    return new RunningTask(ports, topic, partition, task, sink, writer, position, shown, common);
  }

  get name(): string {
    return this.task.name;
  }

  /** Outputs that are not in the log or on the bus yet. */
  get waiting(): number {
    return this.#outgoing.waiting + this.#sink.length;
  }

  /** What its outputs wait for. */
  conditions(): Condition[] {
    return this.#outgoing.conditions();
  }

  /** Makes outputs and lets them go; waits only when too many are on their way. */
  async handle(records: readonly StoredRecord[]): Promise<void> {
    await this.#alone(async () => {
      if (this.#failed) throw this.#failed;
      const { metrics, checkpointMs, codecs } = this.ports;
      const codec = codecs[this.topic as "market.raw" | "index.input"];
      const labels = { topic: this.topic, consumer_group: PROCESS_GROUP };
      const end = metrics.consumerProcessing.startTimer(labels);
      let handled = 0;
      let turn = await this.common.turns.begin();
      try {
        for (const { value, offset, timestamp } of records) {
          if (this.#leaving) break;
          if (value !== null && isForeign(codec, value)) turn = await this.#aside(turn, () => this.#prepare(value));
          this.task.process(value, offset, timestamp);
          this.#next = offset + 1;
          handled++;
          // the log and the bus work on what there is meanwhile
          if (this.#sink.length >= SEND_FROM) turn = await this.#let(turn);
          if (this.#failed) throw this.#failed;
        }
        this.#send();
        turn.end();
        await this.#outgoing.room();
      } catch (error) {
        this.#failed ??= error as Error;
        throw error;
      } finally {
        turn.end();
        metrics.consumerMessages.inc(labels, handled);
        end();
      }
      if (this.#checkpointing === undefined && performance.now() - this.#lastCheckpoint >= checkpointMs)
        this.#checkpointAside();
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

  /** What is not at work yet is left to the next owner. */
  leave(): void {
    this.#leaving = true;
  }

  /** From here on nothing is waited for. */
  hurry(): void {
    this.#stopping = true;
    this.#outgoing.hurry();
  }

  async stop(): Promise<void> {
    this.hurry();
    clearTimeout(this.#timer);
    try {
      await this.#alone(async () => {
        await this.#checkpointing?.catch(() => {});
        await this.#checkpoint(true);
      });
    } finally {
      await this.abandon();
    }
  }

  /** Ends without a checkpoint. */
  async abandon(): Promise<void> {
    this.hurry();
    this.#failed ??= new Error("the task is over");
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.shown.end();
    await this.#outgoing.ended();
    await this.writer.close();
  }

  /** Runs when all before it is through, however that ended. */
  #alone(run: () => Promise<void>): Promise<void> {
    const turn = this.#busy.then(run, run);
    this.#busy = turn.catch(() => {});
    return turn;
  }

  /** Lets go what a part of a batch has made; no edge of it shows in what is made. */
  async #let(turn: Turn): Promise<Turn> {
    this.#send();
    const next = this.#outgoing.hasRoom ? turn : await this.#aside(turn, () => this.#outgoing.room());
    await nextLoop();
    return next;
  }

  /** Waits for somebody else while other tasks have their turns. @returns the task's next turn */
  async #aside(turn: Turn, wait: () => Promise<void>): Promise<Turn> {
    turn.end();
    await wait();
    return this.common.turns.begin();
  }

  #send(): void {
    const { records, messages, chunks } = this.#sink.take(this.common.clock());
    this.#outgoing.send(records, messages, this.task.clock.now);
    if (chunks.length > 0) void this.#reuse(chunks);
  }

  /** Chunks are written again once nobody reads them any more; where that is not sure they are left to the collector. */
  async #reuse(chunks: readonly Buffer<ArrayBuffer>[]): Promise<void> {
    try {
      await this.#outgoing.sentSoFar();
    } catch {
      return;
    }
    for (const chunk of chunks) this.common.chunks.give(chunk);
  }

  /** A quiet partition's state is written too. */
  #checkpointLater(): void {
    this.#timer = undefined;
    void this.#alone(async () => this.#checkpointAside());
  }

  /** Work goes on while the state is written. */
  #checkpointAside(): void {
    if (this.#checkpointing !== undefined) {
      this.#timer ??= setTimeout(() => this.#checkpointLater(), this.ports.checkpointMs);
      return;
    }
    this.#checkpoint().catch((error: unknown) => {
      this.#failed ??= error as Error;
      if (this.#stopping) return;
      this.ports.logger.warn({ err: error, task: this.name }, "a checkpoint could not be written");
      this.common.failed(this, error);
    });
  }

  /** @param released the partition is given back with it */
  #checkpoint(released = false): Promise<void> {
    this.#checkpointing = this.#writeState(released).finally(() => {
      this.#checkpointing = undefined;
    });
    return this.#checkpointing;
  }

  /** Takes the state as it stands at this instant; it is written once all that was made before is in the log. */
  async #writeState(released: boolean): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#failed) throw this.#failed;
    this.#send();
    this.#lastCheckpoint = performance.now();
    const { codecs } = this.ports;
    const timestamp = this.task.clock.now;
    const next = this.#next;
    for (const { key, value } of this.task.checkpoint()) this.#unwritten.set(key, value);
    await this.#outgoing.sentSoFar();
    if (this.#unwritten.size === 0 && !(released && next !== undefined)) return;
    const records = [...this.#unwritten].map(
      ([key, value]): LogRecord => ({
        topic: STATE_TOPIC,
        partition: this.partition,
        key,
        value: value === null ? null : codecs[STATE_TOPIC].encode({ value }),
        timestamp,
      }),
    );
    const { topic, partition } = this;
    const position = { group: PROCESS_GROUP, topic, partition, offset: next ?? 0, released };
    try {
      this.#stateCounts.take(records);
      const since = performance.now();
      await this.writer.write(records, next === undefined ? [] : [position]);
      this.#unwritten.clear();
      this.#stateCounts.ok(performance.now() - since);
    } catch (error) {
      this.#stateCounts.error();
      if (!isPassing(error) || this.#stopping) throw error;
      const { code, message } = error;
      const said = { code, task: this.name, why: message };
      this.ports.logger.error(said, "the checkpoint waits for the log");
      this.#timer ??= setTimeout(() => this.#checkpointLater(), this.ports.checkpointMs);
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
