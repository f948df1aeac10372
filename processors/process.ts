import { BufferPool } from "../infra/buffer-pool.js";
import type { Consumer } from "../infra/log/log.js";
import type { Metrics } from "../infra/metrics.js";
import { wallClock } from "../infra/wall-clock.js";
import { CHUNK } from "./messages/message-writer.js";
import { type CommonToTasks, PROCESS_GROUP, type ProcessPorts, RunningTask } from "./running-task.js";
import { Turns } from "./task/turns.js";

export { PROCESS_GROUP } from "./running-task.js";

const LAG_EVERY_MS = 5_000;
/** Chunks of 256 KB that lie ready for outputs. */
const MOST_CHUNKS = 256;

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
      return task.position;
    },
    async records(topic, partition, records) {
      await running.get(`${topic}/${partition}`)!.handle(records);
    },
    ending(topic, partition) {
      running.get(`${topic}/${partition}`)?.leave();
    },
    async revoked(topic, partition) {
      const name = `${topic}/${partition}`;
      const task = running.get(name);
      running.delete(name);
      await task?.stop();
    },
    lost(topic, partition, records) {
      running.get(`${topic}/${partition}`)?.lost(records);
    },
  });
  const consumer = await consuming;
  const lag = setInterval(() => {
    measureLag(consumer, metrics).catch((error: unknown) => ports.logger.warn({ err: error }, "lag is unknown"));
  }, LAG_EVERY_MS);
  lag.unref();
  return {
    failed: consumer.failed,
    async lag() {
      const waiting = [...running.values()].reduce((sum, task) => sum + task.waiting, 0);
      return (await consumer.lag()).reduce((sum, { lag }) => sum + lag, waiting);
    },
    async stop() {
      clearInterval(lag);
      for (const task of running.values()) task.hurry();
      await consumer.close();
      for (const task of running.values()) await task.abandon();
    },
  };
}

async function measureLag(consumer: Consumer, metrics: Metrics): Promise<void> {
  for (const { topic, partition, lag } of await consumer.lag()) {
    metrics.consumerLag.set({ topic, partition: String(partition), consumer_group: PROCESS_GROUP }, lag);
  }
}
