import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import {
  type KafkaClusterHandle,
  type KafkaHandle,
  startKafka,
  startKafkaCluster,
} from "../../scripts/services/kafka.mjs";
import { CheckpointLoad } from "../infra/checkpoint-load.js";
import { startProxiedKafka } from "../infra/kafka-proxy.js";
import { kafkaConfig, testLogger } from "../infra/kafka-rig.js";
import { KafkaFaults } from "../plant/kafka-faults.js";
import { pause } from "../plant/plant-process.js";

const GOES_ON_WITHIN_S = 15;
/**
 * While one of three stays frozen: the coordinator of a transaction that was just ended waits for the frozen broker to
 * write its marker, no longer than the brokers' `request.timeout.ms`, 30 s by default, and no other of that writer begins.
 */
const GOES_ON_BESIDE_S = 30 + GOES_ON_WITHIN_S;
const HOUR_MS = 3_600_000;
const replicated = { log: { kafka: { brokers: [], replication: 3, minInSyncReplicas: 2, rawAcks: "all" as const } } };

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
}, 120_000);

type Figures = Awaited<ReturnType<KafkaFaults<KafkaHandle>["recovery"]>>;

/** Prints what came of a fault, and holds it to what is promised. */
function check(fault: string, { served, ...roles }: Figures, withinS = GOES_ON_WITHIN_S): void {
  const slowest = Math.max(...Object.values(roles));
  console.log(`${fault}: brokers serve after ${served} s; ${JSON.stringify(roles)}`);
  expect(slowest).toBeLessThan(withinS);
}

async function balanced(faults: { balance(): Promise<{ lost: number; doubled: number; acknowledged: number }> }) {
  const balance = await faults.balance();
  console.log(`acknowledged ${balance.acknowledged}, lost ${balance.lost}, doubled ${balance.doubled}`);
  expect(balance).toMatchObject({ lost: 0, doubled: 0 });
}

describe("one broker under all roles", () => {
  it(
    "freezes for 20, 45 and 60 s",
    async () => {
      const faults = await KafkaFaults.start(startKafka());
      closing.push(() => faults.stop());
      await faults.run();
      for (const seconds of [20, 45, 60]) {
        faults.cluster.kafka.pause();
        await pause(seconds * 1_000);
        faults.cluster.kafka.resume();
        check(`frozen for ${seconds} s`, await faults.recovery());
      }
      await balanced(faults);
    },
    HOUR_MS,
  );

  it(
    "is frozen while the roles start",
    async () => {
      const faults = await KafkaFaults.start(startKafka());
      closing.push(() => faults.stop());
      faults.cluster.kafka.pause();
      const running = faults.run();
      await pause(20_000);
      faults.cluster.kafka.resume();
      await running;
      check("frozen at the start", await faults.recovery());
      await balanced(faults);
    },
    HOUR_MS,
  );

  it(
    "behind a line that falls silent, is slow, or acknowledges and falls silent",
    async () => {
      const { kafka, proxy } = await startProxiedKafka();
      closing.push(() => proxy.stop());
      const faults = await KafkaFaults.start(Promise.resolve({ brokers: proxy.address, stop: () => kafka.stop() }));
      closing.push(() => faults.stop());
      await faults.run();
      for (const seconds of [20, 60]) {
        proxy.silence();
        await pause(seconds * 1_000);
        proxy.speak();
        check(`a silent line for ${seconds} s`, await faults.recovery());
      }
      // requests arrive, and no answer comes back
      proxy.mute();
      await pause(20_000);
      proxy.unmute();
      check("answers lost for 20 s", await faults.recovery());
      proxy.rules = { delayMs: 1_000 };
      await pause(20_000);
      proxy.rules = {};
      check("each answer a second late for 20 s", await faults.recovery());
      await balanced(faults);
    },
    HOUR_MS,
  );
});

describe("three brokers, replication 3, in sync 2, under all roles", () => {
  it(
    "each of them freezes, each is killed, two freeze",
    async () => {
      const faults = await KafkaFaults.start(startKafkaCluster(), replicated);
      closing.push(() => faults.stop());
      await faults.run();
      const { nodes } = faults.cluster.kafka;
      for (const node of nodes) {
        node.pause();
        await pause(2_000);
        // the others serve meanwhile
        check(`broker ${node.id} frozen, still`, await faults.recovery(), GOES_ON_BESIDE_S);
        node.resume();
        check(`broker ${node.id} frozen, back`, await faults.recovery());
      }
      for (const node of nodes) {
        await node.kill();
        check(`broker ${node.id} killed`, await faults.recovery());
        await node.start();
        check(`broker ${node.id} back`, await faults.recovery());
      }
      for (const seconds of [10, 60]) {
        for (const node of nodes.slice(1)) node.pause();
        await pause(seconds * 1_000);
        for (const node of nodes.slice(1)) node.resume();
        check(`two frozen for ${seconds} s`, await faults.recovery());
      }
      await balanced(faults);
    },
    HOUR_MS,
  );
});

describe("three brokers under checkpoints and appends", () => {
  it(
    "nothing acknowledged is lost, nothing doubled",
    async () => {
      const kafka: KafkaClusterHandle = await startKafkaCluster();
      closing.push(() => kafka.stop());
      const settings = kafkaConfig(kafka.brokers, { replication: 3, minInSyncReplicas: 2, rawAcks: "all" });
      const namespace = `t${randomUUID().slice(0, 8)}`;
      const log = await KafkaLog.open({ kafka: settings, namespace, logger: testLogger });
      closing.push(() => log.close());
      const load = await CheckpointLoad.start(log);
      const say = async (fault: string) => console.log(`${fault}: ${JSON.stringify(await load.goesOn())}`);
      await say("undisturbed");
      for (const node of kafka.nodes) {
        await node.kill();
        await say(`broker ${node.id} killed`);
        await node.start();
        await say(`broker ${node.id} back`);
        node.pause();
        await say(`broker ${node.id} frozen, still`);
        node.resume();
        await say(`broker ${node.id} frozen, back`);
      }
      for (const seconds of [10, 60]) {
        for (const first of kafka.nodes) {
          const followers = kafka.nodes.filter((node) => node !== first);
          for (const node of followers) node.pause();
          await pause(seconds * 1_000);
          for (const node of followers) node.resume();
          await say(`all but broker ${first.id} frozen for ${seconds} s`);
        }
      }
      const balance = await load.balance();
      console.log(JSON.stringify(balance));
      expect(balance).toMatchObject({ lost: 0, doubled: 0, disordered: 0 });
    },
    HOUR_MS,
  );
});
