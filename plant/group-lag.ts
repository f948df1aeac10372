import type { Log } from "../infra/log/log.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import { storedTopics } from "../infra/store/store.js";
import { PROCESS_GROUP } from "../processors/process.js";
import { defaultSinkSettings } from "../processors/sink/sink.js";

const MEASURE_EVERY_MS = 30_000;

/** The plant's consumer groups and what each reads. */
export const groups: readonly { readonly group: string; readonly topics: readonly string[] }[] = [
  { group: PROCESS_GROUP, topics: ["market.raw", "index.input"] },
  { group: defaultSinkSettings.group, topics: storedTopics },
];

export interface GroupLag {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  /** Records between what the group has committed and the end. */
  readonly lag: number;
}

/** How far every group is behind, whether it has members or not. */
export async function measureGroupLag(log: Log): Promise<GroupLag[]> {
  const lags: Promise<GroupLag>[] = [];
  for (const { group, topics } of groups) {
    for (const topic of topics) {
      for (let partition = 0; partition < log.partitions(topic); partition++) {
        lags.push(lagOf(log, group, topic, partition));
      }
    }
  }
  return Promise.all(lags);
}

async function lagOf(log: Log, group: string, topic: string, partition: number): Promise<GroupLag> {
  const { start, end } = await log.offsets(topic, partition);
  const committed = await log.committed(group, topic, partition);
  return { group, topic, partition, lag: Math.max(0, end - Math.max(committed ?? start, start)) };
}

/** Keeps `mq_consumer_lag` of every group, every 30 s. @returns what ends it */
export function watchGroupLag(log: Log, metrics: Metrics, logger: Logger): () => void {
  // one after the other: over brokers that do not answer, questions would pile up until they answer none
  let isMeasuring = false;
  const measure = async (): Promise<void> => {
    if (isMeasuring) return;
    isMeasuring = true;
    try {
      for (const { group, topic, partition, lag } of await measureGroupLag(log)) {
        metrics.consumerLag.set({ topic, partition: String(partition), consumer_group: group }, lag);
      }
    } catch (error) {
      logger.warn({ why: (error as Error).message }, "the groups' lag is not known now");
    } finally {
      isMeasuring = false;
    }
  };
  void measure();
  const timer = setInterval(() => void measure(), MEASURE_EVERY_MS);
  return () => clearInterval(timer);
}
