import type { PlantConfig } from "../infra/config/plant-config.js";
import type { TopicSettings } from "../infra/log/log.js";

const HOUR_MS = 3_600_000;

/** The partition of market.dlq that ingest writes: an embedded partition has one writer, and the others are the tasks'. */
export const ingestDeadLetterPartition = (config: PlantConfig): number => config.partitions;

/** Every topic as the configuration wants it. */
export function topicSettings(config: PlantConfig): TopicSettings[] {
  const { partitions, log } = config;
  const streams = Object.entries(log.retentionHours).map(
    ([name, hours]): TopicSettings => ({
      name,
      partitions: name === "market.dlq" ? partitions + 1 : partitions,
      retentionMs: hours * HOUR_MS,
      retentionBytes: log.maxPartitionBytes,
      cleanup: "delete",
    }),
  );
  return [...streams, { name: "plant.state", partitions, cleanup: "compact" }];
}
