import type { DiskWaits } from "../../infra/disk.js";
import type { Condition } from "../../infra/health.js";
import { ConsumerWatch } from "../../infra/log/consumer-watch.js";
import { LagGauge } from "../../infra/log/lag-gauge.js";
import type { Log } from "../../infra/log/log.js";
import { OwnershipNotes } from "../../infra/log/ownership-notes.js";
import type { Logger } from "../../infra/logging.js";
import type { Metrics } from "../../infra/metrics.js";
import { type RowStore, type StoredTopic, storedTopics } from "../../infra/store/store.js";
import type { MessageOfTopic } from "../../schemas/messages.js";
import { SinkStopped, StoreWriter } from "./store-writer.js";
import { TopicSink } from "./topic-sink.js";

/** How records of a topic are read: `MessageCodec` of schemas/. */
export interface StoredCodec<Message> {
  /** The schema that this codec itself writes. */
  readonly schemaId: number;
  /** @throws UnreadableRecord, UnknownSchema */
  decode(wireValue: Uint8Array): Message;
  /** The same, fetching a schema that is new. @throws UnreadableRecord, UnknownSchema, IncompatibleSchema */
  read(wireValue: Uint8Array): Promise<Message>;
}
export type StoredCodecs = { readonly [Topic in StoredTopic]: StoredCodec<MessageOfTopic[Topic]> };

export interface SinkSettings {
  /** Consumer group. */
  readonly group: string;
  readonly topics: readonly StoredTopic[];
  /** A topic's messages are inserted at whichever bound is reached first. */
  readonly rows: number;
  /** Of the rows' text. */
  readonly bytes: number;
  readonly ms: number;
  /** How long a stop waits for a store that is away; what it did not take comes again at the next start. */
  readonly stopMs: number;
}

export const defaultSinkSettings: SinkSettings = {
  group: "sink",
  topics: storedTopics,
  rows: 50_000,
  bytes: 16 * 2 ** 20,
  ms: 1_000,
  stopMs: 1_500,
};

export interface SinkPorts {
  readonly log: Log;
  readonly store: RowStore;
  readonly codecs: StoredCodecs;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly settings: SinkSettings;
  /** Of a store on this machine: why its disk has no room, and who is told of it. */
  readonly wantOfRoom?: () => string | undefined;
  readonly waits?: DiskWaits | undefined;
}

export interface Sink {
  /** Stores what was taken, commits, and leaves the group. */
  stop(): Promise<void>;
  /** Rejects when the sink can not go on; never resolves. */
  readonly failed: Promise<never>;
  /** Why it is not ready: a store that takes no rows, a log that does not answer, records that nobody gets on with. */
  conditions(): Condition[];
}

/**
 * Carries the stored topics into history. Offsets are committed after the rows are stored, so a crash repeats rows, and
 * the tables drop repeats. While the store is away nothing more is read than two batches a topic.
 */
export async function runSink(
  ports: Omit<SinkPorts, "settings"> & { readonly settings?: Partial<SinkSettings> },
): Promise<Sink> {
  const settings = { ...defaultSinkSettings, ...ports.settings };
  const complete: SinkPorts = { ...ports, settings };
  const { log, metrics, logger } = complete;
  const writer = new StoreWriter(logger, ports.wantOfRoom, ports.waits);
  const owned = new OwnershipNotes(settings.group, logger);
  let handled = 0;
  let fail!: (error: unknown) => void;
  const broken = new Promise<never>((_, reject) => {
    fail = (error) => {
      if (!(error instanceof SinkStopped)) reject(error);
    };
  });
  const sinks = new Map(
    settings.topics.map((topic) => [topic as string, new TopicSink(topic, complete, writer, fail)]),
  );
  const consumer = await log.consume(settings.group, settings.topics, {
    assigned: async (topic, partition) => {
      owned.gained(topic, partition);
      return undefined;
    },
    records: async (topic, partition, records) => {
      const end = metrics.consumerProcessing.startTimer({ topic, consumer_group: settings.group });
      await sinks.get(topic)?.add(partition, records);
      handled += records.length;
      end();
    },
    revoked: async (topic, partition) => {
      owned.lost(topic, partition);
      await sinks.get(topic)?.drain();
    },
    lost: (topic, partition, records) => {
      metrics.dropped.inc({ place: "sink", reason: "retention" }, records);
      logger.error({ topic, partition, records }, "records left the log before they were stored");
    },
  });
  const failed = Promise.race([consumer.failed, broken]);
  failed.catch(() => undefined);
  const shownLag = new LagGauge(metrics, settings.group);
  const watch = new ConsumerWatch({
    group: settings.group,
    consumer,
    handled: () => handled,
    measured: (lags) => shownLag.show(lags),
  });
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    watch.stop();
    owned.end();
    const deadline = setTimeout(() => writer.stop(), settings.stopMs);
    await consumer.close().catch((error: unknown) => {
      if (!(error instanceof SinkStopped)) throw error;
      logger.warn("the store was away at the stop: what it did not take comes again at the next start");
    });
    clearTimeout(deadline);
  };
  return {
    failed,
    conditions() {
      const held = writer.conditions();
      return [...held, ...watch.conditions(held.length > 0)];
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}
