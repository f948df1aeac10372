import type { Admin } from "kafkajs";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import type { KafkaConfig } from "../../infra/config/services-config.js";
import { FETCH_VERSIONS } from "../../infra/log/kafka/fetch-protocol.js";
import { openFailure } from "../../infra/log/kafka/kafka-access.js";
import { kafkaClient } from "../../infra/log/kafka/kafka-client.js";
import { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import {
  clusterOf,
  type KafkaCluster,
  libraryRequests,
  type TopicMetadata,
} from "../../infra/log/kafka/kafkajs-internals.js";
import { PRODUCE_VERSIONS } from "../../infra/log/kafka/produce-request.js";
import type { Logger } from "../../infra/logging.js";
import { groups, measureGroupLag } from "../group-lag.js";
import { topicSettings } from "../topics.js";
import { type Check, clockFinding, type Finding, note, ok, wrong } from "./finding.js";

const RETRIES = 2;
const APPLY = "run `tickplant topics apply` with this configuration";
/** What the plant asks with: request, its key, and the versions of which a broker must take one. */
const requests = [
  { request: "Produce", key: 0, versions: from(PRODUCE_VERSIONS) },
  { request: "Fetch", key: 1, versions: from(FETCH_VERSIONS) },
  ...libraryRequests(),
];
const MANY = 10_000;
/** Its tasks write transactions under their own names. */
const RAW = "market.raw";

/** Brokers, topics, groups and transactions, over connections of its own. */
export function kafkaCheck(config: PlantConfig, kafka: KafkaConfig, logger: Logger): Check {
  const todo = `start the brokers, or mend log.kafka (${kafka.brokers.join(", ")})`;
  return {
    name: "kafka",
    todo,
    async run() {
      const client = kafkaClient(kafka, logger, RETRIES);
      const cluster = clusterOf(client);
      const admin = client.admin();
      try {
        await cluster.connect();
        await admin.connect();
        return await new Look(config, kafka, cluster, admin, logger).findings();
      } catch (error) {
        const { code, message } = await openFailure(kafka, error);
        return [wrong("kafka", `${code}: ${message}`, todo)];
      } finally {
        await Promise.all([cluster.disconnect().catch(() => {}), admin.disconnect().catch(() => {})]);
      }
    },
  };
}

class Look {
  constructor(
    private readonly config: PlantConfig,
    private readonly kafka: KafkaConfig,
    private readonly cluster: KafkaCluster,
    private readonly admin: Admin,
    private readonly logger: Logger,
  ) {}

  async findings(): Promise<Finding[]> {
    const { config, kafka, logger } = this;
    const { brokers, topicMetadata } = await this.cluster.metadata({ topics: [] });
    await this.cluster.refreshMetadata();
    const there = new Map(topicMetadata.map((topic) => [topic.topic, topic]));
    const log = await KafkaLog.open({ kafka, namespace: config.namespace, logger });
    try {
      const parts = await Promise.all([
        this.#brokers(brokers),
        this.#topics(log, there),
        this.#groups(log, there),
        this.#transactions(there),
        brokersClock(log),
      ]);
      return parts.flat();
    } finally {
      await log.close();
    }
  }

  async #brokers(brokers: readonly { nodeId: number; host: string; port: number }[]): Promise<Finding[]> {
    const name = "kafka brokers";
    const { replication, minInSyncReplicas } = this.kafka;
    const findings: Finding[] = [];
    for (const { nodeId, host, port } of brokers) {
      try {
        const { versions } = await this.cluster.findBroker({ nodeId });
        const old = requests.filter((one) => !one.versions.some((version) => takes(versions?.[one.key], version)));
        if (old.length > 0)
          findings.push(
            wrong(
              name,
              `${host}:${port} takes not ${old.map(({ request, versions }) => `${request} v${versions[0]} to v${versions.at(-1)}`).join(", ")}`,
              "run a Kafka from 2.1 to 4.x",
            ),
          );
      } catch (error) {
        const { message } = error as Error;
        findings.push(
          wrong(
            name,
            `broker ${nodeId} calls itself ${host}:${port}, where it is not reached (${message})`,
            "start it, or mend its advertised.listeners",
          ),
        );
      }
    }
    if (brokers.length < replication)
      findings.push(
        wrong(name, `${brokers.length} are up, log.kafka.replication is ${replication}`, "start more, or lower it"),
      );
    if (minInSyncReplicas > replication)
      findings.push(
        wrong(
          name,
          `log.kafka.minInSyncReplicas ${minInSyncReplicas} is more than replication ${replication}: nothing could be appended`,
          "lower it",
        ),
      );
    if (findings.length > 0) return findings;
    const places = brokers.map(({ host, port }) => `${host}:${port}`).join(", ");
    return [ok(name, `${brokers.length} up (${places}), replication ${replication}, in sync ${minInSyncReplicas}`)];
  }

  async #topics(log: KafkaLog, there: ReadonlyMap<string, TopicMetadata>): Promise<Finding[]> {
    const name = "kafka topics";
    const findings: Finding[] = [];
    for (const { topic, setting, actual, wanted } of await log.drift(topicSettings(this.config))) {
      if (actual === undefined && setting === "topic") {
        findings.push(wrong(name, `${topic} does not exist`, APPLY));
        continue;
      }
      const shrunk = setting === "partitions" && Number(actual) > Number(wanted);
      const todo = shrunk ? `partitions are never taken away: set partitions to ${actual}` : APPLY;
      findings.push(wrong(name, `${topic}: ${setting} is ${actual ?? "missing"}, configured ${wanted}`, todo));
    }
    for (const { name: topic } of topicSettings(this.config)) {
      const partitions = there.get(this.#physical(topic))?.partitionMetadata ?? [];
      const leaderless = partitions.filter(({ leader }) => leader < 0).length;
      const behind = partitions.filter(({ isr }) => isr.length < this.kafka.minInSyncReplicas).length;
      if (leaderless > 0)
        findings.push(wrong(name, `${topic}: nobody leads ${leaderless} of its partitions`, "start the brokers"));
      else if (behind > 0)
        findings.push(
          wrong(
            name,
            `${topic}: ${behind} partitions have too few replicas in sync`,
            "start the brokers that are down",
          ),
        );
    }
    return findings.length > 0 ? findings : [ok(name, `${topicSettings(this.config).length} are as configured`)];
  }

  /** Asking for a coordinator would make the brokers create their own topics, so those must be there. */
  async #groups(log: KafkaLog, there: ReadonlyMap<string, TopicMetadata>): Promise<Finding[]> {
    if (!there.has("__consumer_offsets")) return [note("kafka groups", "no group has ever joined at these brokers")];
    const names = groups.map(({ group }) => this.#physical(group));
    const { groups: described } = await this.admin.describeGroups(names);
    const complete = topicSettings(this.config).every(({ name }) => there.has(this.#physical(name)));
    const lags = complete ? await measureGroupLag(log) : undefined;
    return groups.map(({ group }, at) => {
      const name = `kafka group ${group}`;
      const { state, members } = described.find(({ groupId }) => groupId === names[at]) ?? {
        state: "Dead",
        members: [],
      };
      const lag = lags?.filter((one) => one.group === group).reduce((sum, one) => sum + one.lag, 0);
      const behind = lag === undefined ? "its lag is not known" : lag === 0 ? "nothing waits" : `${lag} records wait`;
      const found = `${members.length} members (${state.toLowerCase()}), ${behind}`;
      if (members.length === 0) return note(name, found, `start \`tickplant ${group}\``);
      if (lag !== undefined && lag > MANY) return note(name, found, `start more of \`tickplant ${group}\` if it grows`);
      return ok(name, found);
    });
  }

  async #transactions(there: ReadonlyMap<string, TopicMetadata>): Promise<Finding[]> {
    const name = "kafka transactions";
    const topic = there.get("__transaction_state");
    if (topic === undefined) return [note(name, "none was ever made at these brokers; the first one prepares them")];
    if (topic.partitionMetadata.some(({ leader }) => leader < 0))
      return [wrong(name, "nobody leads some partitions of __transaction_state", "start the brokers that are down")];
    const ids = Array.from({ length: this.config.partitions }, (_, partition) => `${RAW}/${partition}`);
    const coordinators = await Promise.all(
      ids.map((id) => this.cluster.findGroupCoordinator({ groupId: this.#physical(id), coordinatorType: 1 })),
    );
    return [ok(name, `coordinated by broker ${[...new Set(coordinators.map(({ nodeId }) => nodeId))].join(", ")}`)];
  }

  #physical(name: string): string {
    const { namespace } = this.config;
    return namespace === "" ? name : `${namespace}.${name}`;
  }
}

function from({ min, max }: { readonly min: number; readonly max: number }): number[] {
  return Array.from({ length: max - min + 1 }, (_, at) => min + at);
}

const takes = (range: { minVersion: number; maxVersion: number } | undefined, version: number): boolean =>
  range !== undefined && range.minVersion <= version && version <= range.maxVersion;

/** Nothing where they do not tell it. */
async function brokersClock(log: KafkaLog): Promise<Finding[]> {
  const before = Date.now();
  const ms = await log.controllerMs().catch(() => undefined);
  return ms === undefined ? [] : [clockFinding("kafka clock", ms, before, Date.now())];
}
