import kafkajs, { type Admin } from "kafkajs";
import type { KafkaConfig } from "../../config/services-config.js";
import type { TopicSettings } from "../log.js";

/** Of a topic, one setting that is not as the configuration wants it. */
export interface TopicDrift {
  readonly topic: string;
  readonly setting: string;
  /** As it is at the brokers; undefined when the topic does not exist. */
  readonly actual: string | undefined;
  readonly wanted: string;
}

type Replicas = Pick<KafkaConfig, "replication" | "minInSyncReplicas">;

/** A snapshot of a deep book, or the state of one, is larger than Kafka's 1 MiB. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const TOPIC = kafkajs.ConfigResourceTypes.TOPIC;

/** The settings of a topic as Kafka spells them. Producers compress; the broker keeps what they send. */
export function brokerSettings(topic: TopicSettings, { minInSyncReplicas }: Replicas): Record<string, string> {
  const { cleanup, retentionMs, retentionBytes } = topic;
  return {
    "cleanup.policy": cleanup,
    "compression.type": cleanup === "compact" ? "lz4" : "producer",
    "max.message.bytes": String(MAX_MESSAGE_BYTES),
    "min.insync.replicas": String(minInSyncReplicas),
    ...(cleanup === "delete" && {
      "retention.ms": String(Math.floor(retentionMs ?? -1)),
      "retention.bytes": String(retentionBytes ?? -1),
    }),
    ...(cleanup === "compact" && {
      "min.cleanable.dirty.ratio": "0.2",
      "segment.bytes": String(64 * 1024 * 1024),
      "delete.retention.ms": "3600000",
    }),
  };
}

/** Creates what is missing, adds partitions and mends settings that differ; partitions are never taken away. */
export async function applyTopics(admin: Admin, topics: readonly TopicSettings[], replicas: Replicas): Promise<void> {
  const existing = new Set(await admin.listTopics());
  const missing = topics.filter(({ name }) => !existing.has(name));
  if (missing.length > 0) {
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map((topic) => ({
        topic: topic.name,
        numPartitions: topic.partitions,
        replicationFactor: replicas.replication,
        configEntries: Object.entries(brokerSettings(topic, replicas)).map(([name, value]) => ({ name, value })),
      })),
    });
  }
  const present = topics.filter(({ name }) => existing.has(name));
  if (present.length === 0) return;
  const drift = await topicDrift(admin, present, replicas);
  const grown = drift.filter(
    ({ setting, actual, wanted }) => setting === "partitions" && Number(actual) < Number(wanted),
  );
  if (grown.length > 0) {
    await admin.createPartitions({
      topicPartitions: grown.map(({ topic, wanted }) => ({ topic, count: Number(wanted) })),
    });
  }
  const changed = new Set(drift.filter(({ setting }) => setting !== "partitions").map(({ topic }) => topic));
  if (changed.size === 0) return;
  await admin.alterConfigs({
    validateOnly: false,
    resources: present
      .filter(({ name }) => changed.has(name))
      .map((topic) => ({
        type: TOPIC,
        name: topic.name,
        configEntries: Object.entries(brokerSettings(topic, replicas)).map(([name, value]) => ({ name, value })),
      })),
  });
}

/** What differs between the topics as they are wanted and as the brokers have them. */
export async function topicDrift(
  admin: Admin,
  topics: readonly TopicSettings[],
  replicas: Replicas,
): Promise<TopicDrift[]> {
  const existing = new Set(await admin.listTopics());
  const present = topics.filter(({ name }) => existing.has(name));
  const drift: TopicDrift[] = topics
    .filter(({ name }) => !existing.has(name))
    .map(({ name }) => ({ topic: name, setting: "topic", actual: undefined, wanted: "exists" }));
  if (present.length === 0) return drift;
  const { topics: described } = await admin.fetchTopicMetadata({ topics: present.map(({ name }) => name) });
  const partitions = new Map(described.map(({ name, partitions }) => [name, partitions.length]));
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: present.map(({ name }) => ({ type: TOPIC, name })),
  });
  const settings = new Map(
    resources.map(({ resourceName, configEntries }) => [
      resourceName,
      new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
    ]),
  );
  for (const topic of present) {
    const count = partitions.get(topic.name) ?? 0;
    if (count !== topic.partitions) {
      drift.push({ topic: topic.name, setting: "partitions", actual: String(count), wanted: String(topic.partitions) });
    }
    for (const [setting, wanted] of Object.entries(brokerSettings(topic, replicas))) {
      const actual = settings.get(topic.name)?.get(setting);
      if (actual !== wanted) drift.push({ topic: topic.name, setting, actual, wanted });
    }
  }
  return drift;
}
