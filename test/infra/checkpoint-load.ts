import { Fenced } from "../../infra/log/errors.js";
import { LogUnavailable, WriterLost } from "../../infra/log/kafka/errors.js";
import type { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import type { LogRecord, TransactionalWriter } from "../../infra/log/log.js";

const STATE = "plant.state";
const RAW = "market.raw";
const OUTPUTS = "market.trade";
const RECORDS = 3;
const PAUSE_MS = 20;
const LOOK_EVERY_MS = 20;
const GIVE_UP_MS = 120_000;

/** What was acknowledged, and what of it is there. */
export interface Balance {
  readonly checkpoints: number;
  readonly appends: number;
  /** Acknowledged, and not there. */
  readonly lost: number;
  /** Checkpoints that are there twice, or in part. */
  readonly doubled: number;
  /** Checkpoints that are behind a later one. */
  readonly disordered: number;
  /** Appends that are there twice, as they may: readers know them by their numbers. */
  readonly repeated: number;
  /** How many writers it took. */
  readonly writers: number;
}

type Kind = "checkpoint" | "raw" | "output";

/**
 * What a task and an ingest do all day: checkpoints of a few records and an offset, each numbered, one after the other, and
 * appends beside them. What ends is begun anew, as the task's next owner does it.
 */
export class CheckpointLoad {
  readonly #acknowledged: Record<Kind, Set<string>> = { checkpoint: new Set(), raw: new Set(), output: new Set() };
  /** When the newest that was acknowledged began. */
  readonly #began: Record<Kind, number> = { checkpoint: 0, raw: 0, output: 0 };
  #writers = 0;
  #stopped = false;
  #failure: unknown;
  #running: Promise<unknown> = Promise.resolve();

  private constructor(private readonly log: KafkaLog) {}

  static async start(log: KafkaLog): Promise<CheckpointLoad> {
    await log.createTopics([STATE, RAW, OUTPUTS].map((name) => ({ name, partitions: 1, cleanup: "delete" })));
    const load = new CheckpointLoad(log);
    load.#running = Promise.all([load.#checkpoints(), load.#appends("raw", RAW), load.#appends("output", OUTPUTS)]);
    load.#running.catch((error: unknown) => {
      load.#failure = error;
    });
    return load;
  }

  /** @returns seconds until of each kind one was acknowledged that had begun after the call */
  async goesOn(): Promise<Record<Kind, number>> {
    const since = performance.now();
    const found: Partial<Record<Kind, number>> = {};
    const kinds = Object.keys(this.#began) as Kind[];
    while (Object.keys(found).length < kinds.length) {
      if (this.#failure !== undefined) throw this.#failure;
      const now = performance.now();
      for (const kind of kinds) if (this.#began[kind] > since) found[kind] ??= Math.round((now - since) / 100) / 10;
      if (now - since > GIVE_UP_MS) throw new Error(`does not go on: ${JSON.stringify(found)}`);
      await pause(LOOK_EVERY_MS);
    }
    return found as Record<Kind, number>;
  }

  /** Ends it, and looks at what there is. */
  async balance(): Promise<Balance> {
    this.#stopped = true;
    await this.#running;
    const checkpoints = await this.#held(STATE);
    const counts = new Map<string, number>();
    let [disordered, newest] = [0, 0];
    for (const text of checkpoints) {
      counts.set(text, (counts.get(text) ?? 0) + 1);
      if (Number(text) < newest) disordered++;
      newest = Math.max(newest, Number(text));
    }
    let lost = [...this.#acknowledged.checkpoint].filter((text) => !counts.has(text)).length;
    let [appends, repeated] = [0, 0];
    for (const [kind, topic] of [
      ["raw", RAW],
      ["output", OUTPUTS],
    ] as const) {
      const held = await this.#held(topic);
      const different = new Set(held);
      appends += this.#acknowledged[kind].size;
      repeated += held.length - different.size;
      lost += [...this.#acknowledged[kind]].filter((text) => !different.has(text)).length;
    }
    return {
      checkpoints: this.#acknowledged.checkpoint.size,
      appends,
      lost,
      doubled: [...counts.values()].filter((count) => count !== RECORDS).length,
      disordered,
      repeated,
      writers: this.#writers,
    };
  }

  async #checkpoints(): Promise<void> {
    let writer: TransactionalWriter | undefined;
    for (let number = 1; !this.#stopped; number++) {
      const began = performance.now();
      try {
        if (writer === undefined) {
          writer = await this.log.transactions("task");
          this.#writers++;
        }
        const records = Array.from({ length: RECORDS }, () => recordOf(STATE, `${number}`));
        await writer.write(records, [{ group: "process", topic: RAW, partition: 0, offset: number }]);
        this.#acknowledge("checkpoint", `${number}`, began);
      } catch (error) {
        if (error instanceof Fenced || error instanceof WriterLost) {
          await writer?.close();
          writer = undefined;
        } else if (!(error instanceof LogUnavailable)) throw error;
      }
      await pause(PAUSE_MS);
    }
    await writer?.close();
  }

  async #appends(kind: Kind, topic: string): Promise<void> {
    for (let number = 1; !this.#stopped; number++) {
      const began = performance.now();
      try {
        await this.log.append([recordOf(topic, `${number}`)]);
        this.#acknowledge(kind, `${number}`, began);
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error;
      }
      await pause(PAUSE_MS);
    }
  }

  #acknowledge(kind: Kind, text: string, began: number): void {
    this.#acknowledged[kind].add(text);
    this.#began[kind] = began;
  }

  async #held(topic: string): Promise<string[]> {
    const texts: string[] = [];
    for await (const records of this.log.readToEnd(topic, 0, 0, 1 << 20))
      texts.push(...records.map(({ value }) => Buffer.from(value!).toString()));
    return texts;
  }
}

const recordOf = (topic: string, text: string): LogRecord => ({
  ...{ topic, partition: 0, key: null, timestamp: 1_000 },
  value: Buffer.from(text),
});

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
