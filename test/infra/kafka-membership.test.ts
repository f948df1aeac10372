import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { membershipErrors } from "../../infra/log/kafka/group-membership.js";
import { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import type { Consumer } from "../../infra/log/log.js";
import type { KafkaHandle } from "../../scripts/services/kafka.mjs";
import { API, type KafkaProxy, startProxiedKafka } from "./kafka-proxy.js";
import { kafkaConfig, testLogger } from "./kafka-rig.js";

const topic = "numbers";
const SESSION_MS = 1_000;
/** An answer that is lost with its connection. */
const LOST = "lost";
type Fault = number | typeof LOST;

let proxy: KafkaProxy;
let kafka: KafkaHandle;
let log: KafkaLog;
let consumer: Consumer;
const got: number[] = [];
let appended = 0;

beforeAll(async () => {
  ({ proxy, kafka } = await startProxiedKafka());
  const settings = kafkaConfig([proxy.address], { sessionTimeoutMs: SESSION_MS });
  log = await KafkaLog.open({ kafka: settings, namespace: `t${randomUUID().slice(0, 8)}`, logger: testLogger });
  await log.createTopics([{ name: topic, partitions: 1, cleanup: "delete" }]);
  consumer = await log.consume("members", [topic], {
    async records(name, partition, records) {
      got.push(...records.map(({ value }) => Number(Buffer.from(value!).toString())));
      void log.commit("members", name, partition, records.at(-1)!.offset + 1);
    },
  });
});
afterAll(async () => {
  await consumer?.close();
  await log?.close();
  await kafka?.stop();
  await proxy?.stop();
});
afterEach(() => {
  proxy.rules = {};
});

/** Where an answer has its error code; in those to a commit behind a topic's name and its one partition. */
function withCode(apiKey: number, answer: Buffer, code: number): Buffer {
  const bytes = Buffer.from(answer);
  const at = apiKey === API.offsetCommit ? 4 + 4 + 4 + 2 + bytes.readInt16BE(12) + 4 + 4 : 8;
  bytes.writeInt16BE(code, at);
  return bytes;
}

interface Answered {
  readonly apiKey: number;
  readonly fault: Fault;
  readonly times: number;
}

/** Answers so many requests of some kinds wrongly, though the broker did what they ask. @returns whether all were */
function answersWrongly(faults: readonly Answered[]): () => boolean {
  const left = faults.map(({ times }) => times);
  proxy.rules = {
    answer({ apiKey }, answer) {
      const at = faults.findIndex((one, index) => one.apiKey === apiKey && left[index]! > 0);
      if (at < 0) return answer;
      left[at]!--;
      const { fault } = faults[at]!;
      return fault === LOST ? undefined : withCode(apiKey, answer, fault);
    },
  };
  return () => left.every((times) => times === 0);
}

/** What is appended is handed on, whatever became of the member meanwhile. */
async function goesOn(): Promise<void> {
  const number = appended++;
  await log.append([{ topic, partition: 0, key: null, value: Buffer.from(`${number}`), timestamp: 1_000 }]);
  await expect.poll(() => got.includes(number), { timeout: 30_000, interval: 20 }).toBe(true);
}

const coordinators = [14, 15, 16];
const every: Fault[] = [
  ...coordinators,
  ...membershipErrors.joinAgain,
  ...membershipErrors.forgotten,
  // UNKNOWN_SERVER_ERROR, GROUP_AUTHORIZATION_FAILED, one that Kafka does not have yet
  ...[-1, 30, 999],
  LOST,
];
const { heartbeat, joinGroup, syncGroup, findCoordinator, offsetCommit } = API;

describe("a member goes on after", () => {
  test.each(every)("signs of life that are answered with %s", async (fault) => {
    const done = answersWrongly([{ apiKey: heartbeat, fault, times: 2 }]);
    await expect.poll(done, { timeout: 30_000, interval: 20 }).toBe(true);
    await goesOn();
  });

  describe.each([
    ["joins", joinGroup],
    ["shares", syncGroup],
  ])("%s that are answered with", (_, apiKey) => {
    test.each([
      ...every.map((fault) => ({ reason: 27, fault })),
      // forgotten, as after a long silence
      ...[14, 16, 27, LOST].map((fault) => ({ reason: 25, fault: fault as Fault })),
    ])("$fault after $reason", async ({ reason, fault }) => {
      const done = answersWrongly([
        { apiKey: heartbeat, fault: reason, times: 1 },
        { apiKey, fault, times: 2 },
      ]);
      await expect.poll(done, { timeout: 30_000, interval: 20 }).toBe(true);
      await goesOn();
    });
  });

  test.each([15, -1, 999, LOST] as Fault[])(
    "questions for its coordinator that are answered with %s",
    async (fault) => {
      const done = answersWrongly([
        { apiKey: heartbeat, fault: 16, times: 1 },
        { apiKey: findCoordinator, fault, times: 2 },
      ]);
      await expect.poll(done, { timeout: 30_000, interval: 20 }).toBe(true);
      await goesOn();
    },
  );
});

test.each(every)("a commit that is answered with %s holds no record back", async (fault) => {
  const done = answersWrongly([{ apiKey: offsetCommit, fault, times: 1 }]);
  await goesOn();
  await expect.poll(done, { timeout: 30_000, interval: 20 }).toBe(true);
  await goesOn();
});

test("a commit that the coordinator puts off is not repeated behind a newer one", async () => {
  const done = answersWrongly([{ apiKey: offsetCommit, fault: 15, times: 1 }]);
  const [older, newer] = [appended - 1, appended].map((offset) => log.commit("members", topic, 0, offset));
  await Promise.allSettled([older, newer]);
  expect(done()).toBe(true);
  expect(await log.committed("members", topic, 0)).toBe(appended);
});

test("nothing was passed over, and what was committed is where a next member begins", async () => {
  expect(new Set(got).size).toBe(appended);
  await expect.poll(() => log.committed("members", topic, 0), { timeout: 30_000 }).toBe(appended);
});
