import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import type { Consumer } from "../../infra/log/log.js";
import type { KafkaHandle } from "../../scripts/services/kafka.mjs";
import { pause } from "../plant/plant-process.js";
import { CheckpointLoad } from "./checkpoint-load.js";
import { type KafkaProxy, startProxiedKafka } from "./kafka-proxy.js";
import { kafkaConfig, testLogger } from "./kafka-rig.js";

const BROKEN_MS = 5_000;
const GOES_ON_WITHIN_S = 15;

let proxy: KafkaProxy;
let kafka: KafkaHandle;
let log: KafkaLog;
let load: CheckpointLoad;
let consumer: Consumer;
let consumed = 0;

beforeAll(async () => {
  ({ proxy, kafka } = await startProxiedKafka());
  const settings = kafkaConfig([proxy.address], { sessionTimeoutMs: 3_000 });
  log = await KafkaLog.open({ kafka: settings, namespace: `t${randomUUID().slice(0, 8)}`, logger: testLogger });
  load = await CheckpointLoad.start(log);
  consumer = await log.consume("sink", ["market.raw"], {
    async records(_topic, _partition, records) {
      consumed = Number(Buffer.from(records.at(-1)!.value!).toString());
    },
  });
  await load.goesOn();
});
afterAll(async () => {
  proxy?.cut();
  await consumer?.close();
  await log?.close();
  await kafka?.stop();
  await proxy?.stop();
});

/** Seconds until everything goes on. */
async function goesOn(): Promise<Record<string, number>> {
  const [begun, before] = [performance.now(), consumed];
  const found = await load.goesOn();
  const newer = Math.max(consumed, before) + 1;
  while (consumed < newer) await pause(50);
  return { ...found, consumer: Math.round((performance.now() - begun) / 100) / 10 };
}

const lines: { line: string; breakIt: () => void; mendIt: () => void }[] = [
  { line: "falls silent and takes connections", breakIt: () => proxy.silence(), mendIt: () => proxy.speak() },
  { line: "brings requests and no answers", breakIt: () => proxy.mute(), mendIt: () => proxy.unmute() },
  {
    line: "makes each answer late",
    breakIt: () => {
      proxy.rules = { delayMs: 700 };
    },
    mendIt: () => {
      proxy.rules = {};
    },
  },
];

test.each(lines)("a line that $line: everything goes on once it is mended", async ({ line, breakIt, mendIt }) => {
  breakIt();
  await pause(BROKEN_MS);
  mendIt();
  const found = await goesOn();
  console.log(`a line that ${line}: ${JSON.stringify(found)}`);
  expect(Math.max(...Object.values(found))).toBeLessThan(GOES_ON_WITHIN_S);
});

test("nothing acknowledged was lost, nothing doubled", async () => {
  expect(await load.balance()).toMatchObject({ lost: 0, doubled: 0, disordered: 0 });
});
