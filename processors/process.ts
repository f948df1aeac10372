import { BufferPool } from "../infra/buffer-pool.js";
import type { Condition } from "../infra/health.js";
import { ConsumerWatch } from "../infra/log/consumer-watch.js";
import { LagGauge } from "../infra/log/lag-gauge.js";
import type { Consumer } from "../infra/log/log.js";
import { OwnershipNotes } from "../infra/log/ownership-notes.js";
import { wallClock } from "../infra/wall-clock.js";
import { CHUNK } from "./messages/message-writer.js";
import { type CommonToTasks, PROCESS_GROUP, type ProcessPorts, RunningTask } from "./running-task.js";
import { Turns } from "./task/turns.js";

export { PROCESS_GROUP } from "./running-task.js";

/** Chunks of 256 KB that lie ready for outputs. */
const MOST_CHUNKS = 256;

export interface Processing {
  /** Rejects when a task can not go on; never resolves. */
  readonly failed: Promise<never>;
  /** Records that wait, over all partitions. */
  lag(): Promise<number>;
  /** Why it is not ready: outputs that wait, a log that does not answer, records that nobody gets on with. */
  conditions(): Condition[];
  /** Writes a last checkpoint of every task and leaves the group. */
  stop(): Promise<void>;
}

/** The process role: runs a task for each partition that it is given. */
export async function runProcess(ports: ProcessPorts): Promise<Processing> {
  const { log, metrics, logger } = ports;
  const owned = new OwnershipNotes(PROCESS_GROUP, logger);
  let handled = 0;
  const running = new Map<string, RunningTask>();
  const common: CommonToTasks = {
    turns: new Turns(),
    chunks: new BufferPool(CHUNK, MOST_CHUNKS),
    clock: wallClock(),
    failed: (task, error) =>
      void consuming.then((consumer) => consumer.partitionFailed(task.topic, task.partition, error)),
  };
  const consuming: Promise<Consumer> = log.consume(PROCESS_GROUP, ["market.raw", "index.input"], {
    async assigned(topic, partition) {
      // a former task of this partition that could not end: what it has not written is somebody else's to make
      await running.get(`${topic}/${partition}`)?.abandon();
      const task = await RunningTask.start(ports, topic, partition, common);
      running.set(task.name, task);
      owned.gained(topic, partition);
      return task.position;
    },
    async records(topic, partition, records) {
      await running.get(`${topic}/${partition}`)!.handle(records);
      handled += records.length;
    },
    ending(topic, partition) {
      running.get(`${topic}/${partition}`)?.leave();
    },
    async revoked(topic, partition) {
      const name = `${topic}/${partition}`;
      const task = running.get(name);
      running.delete(name);
      owned.lost(topic, partition);
      await task?.stop();
    },
    lost(topic, partition, records) {
      running.get(`${topic}/${partition}`)?.lost(records);
    },
  });
  const consumer = await consuming;
  const shownLag = new LagGauge(metrics, PROCESS_GROUP);
  const watch = new ConsumerWatch({
    group: PROCESS_GROUP,
    consumer,
    handled: () => handled,
    measured: (lags) => shownLag.show(lags),
  });
  return {
    failed: consumer.failed,
    async lag() {
      const waiting = [...running.values()].reduce((sum, task) => sum + task.waiting, 0);
      return (await consumer.lag()).reduce((sum, { lag }) => sum + lag, waiting);
    },
    conditions() {
      const held = [...running.values()].flatMap((task) => task.conditions());
      return [...held, ...watch.conditions(held.length > 0)];
    },
    async stop() {
      watch.stop();
      owned.end();
      for (const task of running.values()) task.hurry();
      await consumer.close();
      for (const task of running.values()) await task.abandon();
    },
  };
}
