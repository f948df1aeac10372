import type { PlantConfig } from "../infra/config/plant-config.js";
import { PlantError } from "../infra/errors.js";
import type { TopicSettings } from "../infra/log/log.js";

const HOUR_MS = 3_600_000;

/** The brokers' topics are not those of the configuration. */
export class TopicsDiffer extends PlantError {
  constructor(differences: readonly string[]) {
    super(
      "TP_TOPICS_DIFFER",
      `${differences.join("; ")}: run \`tickplant topics apply\` with this configuration, \`tickplant topics\` shows what differs`,
    );
  }
}

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

/**
 * A symbol's partition follows from how many there are, so every role must see the very number that is configured.
 *
 * @param partitionsOf undefined for a topic that is not there
 * @throws TopicsDiffer
 */
export function requireTopics(config: PlantConfig, partitionsOf: (topic: string) => number | undefined): void {
  const differences = topicSettings(config).flatMap(({ name, partitions }) => {
    const actual = partitionsOf(name);
    if (actual === partitions) return [];
    return [
      actual === undefined
        ? `topic ${name} does not exist`
        : `topic ${name} has ${actual} partitions, not ${partitions} (partitions)`,
    ];
  });
  if (differences.length > 0) throw new TopicsDiffer(differences);
}
