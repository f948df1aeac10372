import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { cached } from "./cache.mjs";
import { freePort, mustBeFree } from "./free-port.mjs";
import { ARCHIVE_MS, quickStart } from "./java-classes.mjs";
import { kafkaAnswers } from "./kafka-answers.mjs";
import { fetchLibraries } from "./maven.mjs";
import { ensureJava, runProgram } from "./programs.mjs";
import { ServiceProcess } from "./service-process.mjs";

/** The releases that the plant is tested on. */
export const kafkaVersions = ["3.9.1", "4.3.1"];

const clusterId = "dGlja3BsYW50LXRlc3RzLQ";
/** Of two bindings the loader takes any; this one says nothing without a file of its own. */
const otherBinding = /^slf4j-reload4j-/;

/** TICKPLANT_KAFKA_VERSION, or the first of the releases that the plant is tested on. */
export const defaultKafkaVersion = () => process.env.TICKPLANT_KAFKA_VERSION || kafkaVersions[0];

/** Downloads a Kafka release where it is not in the cache yet. @returns the folder of its libraries */
export async function ensureKafka(version = defaultKafkaVersion()) {
  const folder = await cached(`kafka-${version}`, (part) =>
    fetchLibraries(part, [
      { group: "org.apache.kafka", artifact: "kafka_2.13", version },
      { group: "org.apache.kafka", artifact: "kafka-tools", version },
      { group: "org.slf4j", artifact: "slf4j-simple", version: "1.7.36" },
    ]),
  );
  return join(folder, "libs");
}

/** Downloads a release and writes its archive of classes, where they are not in the cache yet. */
export async function prepareKafka(version = defaultKafkaVersion()) {
  const [libs, java] = await Promise.all([ensureKafka(version), ensureJava()]);
  await quickFlags(java, version);
  return libs;
}

/**
 * Starts a Kafka of one node (KRaft) on 127.0.0.1.
 *
 * @param options.properties lines of server.properties that differ; the plaintext listener must stay, to be asked
 * @param options.isMeasured its code is compiled thoroughly, as in production, which costs time at the start
 * @param options.scramUsers users from the beginning, e.g. `SCRAM-SHA-256=[name=plant,password=secret]`
 * @returns when it answers; its handle, which may kill, pause and start it again on the same data and port
 */
export async function startKafka(options = {}) {
  const { properties = {} } = options;
  const port = options.port ?? (await freePort());
  const controllerPort = options.controllerPort ?? (await freePort());
  await mustBeFree(port, "Kafka");
  await mustBeFree(controllerPort, "Kafka's controller");
  const brokers = `127.0.0.1:${port}`;
  const own = { ...commonProperties, ...oneNodeProperties(port, controllerPort), ...properties };
  return startNode({ ...options, name: "kafka", properties: own }, { brokers }, () => kafkaAnswers([brokers]));
}

/**
 * Starts a Kafka of several brokers and a controller of its own, in processes of their own on 127.0.0.1. Topics have a
 * replica at three of them, and an append needs two in sync.
 *
 * @param options.brokers how many, 3 by default; their ids are 1, 2, 3
 * @param options.advertised by id, the port that clients are told to use instead of the broker's own
 * @returns when all answer; `nodes` has each broker's handle, in the order of their ids
 */
export async function startKafkaCluster(options = {}) {
  const { brokers: count = 3, properties = {}, advertised = {}, heapMb = 256, version } = options;
  const controllerPort = await freePort();
  const controllerQuorum = { "controller.quorum.voters": `${CONTROLLER_ID}@127.0.0.1:${controllerPort}` };
  const ports = [];
  while (ports.length < count) {
    const port = await freePort();
    if (port !== controllerPort && !ports.includes(port)) ports.push(port);
  }
  const common = { ...commonProperties, ...replicatedProperties(Math.min(3, count)), ...controllerQuorum };
  const controller = {
    "process.roles": "controller",
    "node.id": CONTROLLER_ID,
    listeners: `CONTROLLER://127.0.0.1:${controllerPort}`,
  };
  const broker = (port, at) => ({
    "process.roles": "broker",
    "node.id": at + 1,
    listeners: `PLAINTEXT://127.0.0.1:${port}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${advertised[at + 1] ?? port}`,
  });
  const named = (name, own) => ({ version, heapMb, name, properties: { ...common, ...own, ...properties } });
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const started = await Promise.allSettled([
    startNode(named("kafka-controller", controller), { id: CONTROLLER_ID }, () => portAnswers(controllerPort)),
    ...ports.map((port, at) =>
      startNode(named(`kafka-${at + 1}`, broker(port, at)), { id: at + 1, brokers: addresses[at] }, () =>
        portAnswers(port),
      ),
    ),
  ]);
  const running = started.flatMap(({ value }) => (value === undefined ? [] : [value]));
  const stop = () => Promise.all(running.map((node) => node.stop()));
  const failed = started.find(({ status }) => status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  while (!(await kafkaAnswers(addresses, count))) await new Promise((resolve) => setTimeout(resolve, 200));
  return { brokers: addresses, nodes: running.slice(1), controller: running[0], stop };
}

/** The flags of a quick start, by which a node of its own writes the archive of classes. */
const quickFlags = (java, version) =>
  quickStart(java, `kafka-${version}`, async (flags) => {
    const [port, controllerPort] = [await freePort(), await freePort()];
    const properties = { ...commonProperties, ...oneNodeProperties(port, controllerPort) };
    const brokers = [`127.0.0.1:${port}`];
    const node = await startNode({ version, name: "kafka", properties, flags, stopMs: ARCHIVE_MS }, {}, () =>
      kafkaAnswers(brokers),
    );
    await node.stop();
  });

/** Starts one process of a Kafka; `name` is that of its log file. */
async function startNode(options, more, answers) {
  const { version = defaultKafkaVersion(), heapMb = 512, scramUsers = [], name, properties, isMeasured } = options;
  const [libs, java] = await Promise.all([ensureKafka(version), ensureJava()]);
  const jars = readdirSync(libs).filter((name) => name.endsWith(".jar") && !otherBinding.test(name));
  const classPath = jars.map((name) => join(libs, name)).join(":");
  const flags = options.flags ?? (isMeasured ? [] : await quickFlags(java, version));

  const command = async (folder) => {
    const file = join(folder, "server.properties");
    const data = join(folder, "data");
    writeFileSync(file, propertyLines({ "log.dirs": data, ...properties }));
    if (!existsSync(join(data, "meta.properties"))) {
      mkdirSync(data, { recursive: true });
      const format = ["format", "-t", clusterId, "-c", file, ...scramUsers.flatMap((user) => ["--add-scram", user])];
      await runProgram(java, ["-XX:TieredStopAtLevel=1", "-cp", classPath, "kafka.tools.StorageTool", ...format]);
    }
    // What the JVM and its libraries write beside the data goes with the folder.
    const own = [`-Djava.io.tmpdir=${folder}`, "-XX:-UsePerfData", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"];
    return {
      path: java,
      args: [`-Xmx${heapMb}m`, "-XX:+UseSerialGC", ...flags, ...own, "-cp", classPath, "kafka.Kafka", file],
    };
  };
  const service = new ServiceProcess({ name, folder: options.folder, command, answers, stopMs: options.stopMs });
  await service.start();
  return service.handle({ ...more, version });
}

/** Whether somebody listens. */
const portAnswers = (port) =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });

const CONTROLLER_ID = 100;

const oneNodeProperties = (port, controllerPort) => ({
  "process.roles": "broker,controller",
  "node.id": 1,
  "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
  listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
  "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
  "offsets.topic.replication.factor": 1,
  "transaction.state.log.replication.factor": 1,
  "transaction.state.log.min.isr": 1,
});

const replicatedProperties = (replicas) => ({
  "default.replication.factor": replicas,
  "offsets.topic.replication.factor": replicas,
  "transaction.state.log.replication.factor": replicas,
  "transaction.state.log.min.isr": 2,
  "min.insync.replicas": 2,
  // a follower that stands still leaves the set in sync soon
  "replica.lag.time.max.ms": 3000,
  "broker.session.timeout.ms": 3000,
});

const commonProperties = {
  "controller.listener.names": "CONTROLLER",
  "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
  "num.partitions": 1,
  "offsets.topic.num.partitions": 4,
  "transaction.state.log.num.partitions": 4,
  // A broker that was killed may come again as soon as its session has lapsed.
  "broker.session.timeout.ms": 5000,
  "broker.heartbeat.interval.ms": 500,
  "group.initial.rebalance.delay.ms": 0,
  "group.min.session.timeout.ms": 1000,
  "auto.create.topics.enable": false,
  "message.max.bytes": 16_777_216,
  // The indexes of a new segment are read into memory whole at their first entry, 20 MB a partition by default.
  "log.index.size.max.bytes": 1_048_576,
};

const propertyLines = (properties) =>
  Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
