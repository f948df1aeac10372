import { join } from "node:path";
import { clickHouseAnswers, startClickHouse } from "./clickhouse.mjs";
import { startKafka } from "./kafka.mjs";
import { kafkaAnswers } from "./kafka-answers.mjs";
import { redisAnswers, startRedis } from "./redis.mjs";
import { registryAnswers, startRegistry } from "./registry.mjs";

const list = (text) => text.split(",").map((one) => one.trim());
const quoted = (addresses) => `'[${addresses.map((one) => `"${one}"`).join(", ")}]'`;

/**
 * What a cluster stands on. Of each service: the variable that names one which is there already, the port that it
 * listens on by default, how its address is written from host:port, whether it answers, how a plant is told of it, and
 * how it is started as a local process.
 */
export const services = {
  kafka: {
    variable: "TICKPLANT_KAFKA_BROKERS",
    port: 9092,
    addressOf: (hostPort) => hostPort,
    answers: (brokers) => kafkaAnswers(list(brokers)),
    plant: (brokers) => [`TICKPLANT__LOG__KAFKA__BROKERS=${quoted(list(brokers))}`],
    async start({ port, folder }) {
      const kafka = await startKafka({ port, controllerPort: port + 1, folder, isMeasured: true });
      return { ...running(kafka), address: kafka.brokers, about: `Kafka ${kafka.version}` };
    },
  },
  registry: {
    variable: "TICKPLANT_REGISTRY_URL",
    port: 8085,
    addressOf: (hostPort) => `http://${hostPort}/apis/ccompat/v7`,
    answers: registryAnswers,
    plant: (url) => [`TICKPLANT__REGISTRY__URL=${url}`],
    async start({ port, folder }) {
      const registry = await startRegistry({ port, folder, isMeasured: true });
      return { ...running(registry), address: registry.url, about: "Apicurio" };
    },
  },
  redis: {
    variable: "TICKPLANT_REDIS_URL",
    port: 6379,
    addressOf: (hostPort) => `redis://${hostPort}`,
    answers: redisAnswers,
    plant: (url) => [`TICKPLANT__BUS__REDIS__NODES=${quoted([url.replace(/^redis:\/\/(?:.*@)?|\/.*$/g, "")])}`],
    async start({ port, folder }) {
      const redis = await startRedis({ port, folder, args: folder ? ["--appendonly", "yes"] : [] });
      return { ...running(redis), address: `redis://${redis.address}`, about: "redis-server" };
    },
  },
  clickhouse: {
    variable: "TICKPLANT_CLICKHOUSE_URL",
    port: 8123,
    addressOf: (hostPort) => `http://${hostPort}`,
    answers: clickHouseAnswers,
    plant: (url) => [`TICKPLANT__STORE__URL=${url}`],
    async start({ port, folder }) {
      const server = await startClickHouse({ port, folder });
      return { address: server.url, pid: server.pid, stop: () => server.stop(), about: "the embedded engine" };
    },
  },
};

const running = (handle) => ({ pid: handle.pid, ended: handle.ended, stop: () => handle.stop() });

/** Starts a service of the catalog as a local process. @param data folder for all services' data; temporary without */
export function startLocally(name, port, data) {
  return services[name].start({ port, folder: data === undefined ? undefined : join(data, name) });
}
