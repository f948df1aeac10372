import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type AppendOutcome, appendErrors, outcomeOf } from "../../infra/log/kafka/append-errors.js";
import { kafkaClient } from "../../infra/log/kafka/kafka-client.js";
import { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import { KafkaTransactions } from "../../infra/log/kafka/kafka-transactions.js";
import { ensureKafka, type KafkaHandle } from "../../scripts/services/kafka.mjs";
import {
  API,
  appendAnswer,
  boundVersions,
  type KafkaProxy,
  type RequestHead,
  startProxiedKafka,
} from "./kafka-proxy.js";
import { kafkaConfig, testLogger } from "./kafka-rig.js";

let kafka: KafkaHandle;
let proxy: KafkaProxy;
let log: KafkaLog;
const topic = "outcomes";
const NAMESPACE = `t${randomUUID().slice(0, 6)}`;
const physical = `${NAMESPACE}.${topic}`;
const PARTITIONS = 1;

beforeAll(async () => {
  ({ proxy, kafka } = await startProxiedKafka());
  log = await KafkaLog.open({ kafka: kafkaConfig([proxy.address]), namespace: NAMESPACE, logger: testLogger });
  await log.createTopics([{ name: topic, partitions: PARTITIONS, cleanup: "delete" }]);
});
afterAll(async () => {
  await log?.close();
  await kafka?.stop();
  await proxy?.stop();
});
beforeEach(() => {
  proxy.rules = {};
});

/** A writer that loses patience when a test wants it. */
function writer(name: string, patienceMs = PATIENT_MS): Promise<KafkaTransactions> {
  const naming = {
    place: () => ({ topic: physical, partition: 0 }),
    topic: () => physical,
    group: (group: string) => `${NAMESPACE}.${group}`,
    member: () => "",
  };
  const client = kafkaClient(kafkaConfig([proxy.address]), testLogger);
  return KafkaTransactions.open(name, `${NAMESPACE}.${name}`, client, naming, testLogger, patienceMs);
}

const record = (text: string) => ({ topic, partition: 0, key: null, value: Buffer.from(text), timestamp: 1_000 });

async function held(from: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const records of log.readToEnd(topic, 0, from, 1 << 20))
    texts.push(...records.map(({ value }) => Buffer.from(value!).toString()));
  return texts;
}

const PATIENT_MS = 20_000;
/** Where patience is to run out, and the writes after it have to do with the same. */
const BRIEF_MS = 3_000;
const IMPATIENT_MS = 500;
/** One of each outcome, and those that are easily taken for another. */
const repeated = new Set([46, 5, 19, -1, 3, 6, 7, 20, 999, 2, 10, 48, 47, 45]);

const isAppend = ({ apiKey }: RequestHead) => apiKey === API.produce;

/** What a broker may have done before it answers so: a leader appends first, and waits then. */
const truths: Record<AppendOutcome, readonly ("appended" | "not")[]> = {
  appended: ["appended"],
  later: ["not"],
  unknown: ["appended", "not"],
  refused: ["not"],
  abort: ["not"],
  fenced: ["not"],
  lost: ["not"],
};

/** Answers so many appends with a code, whether they were done or not. */
function answersWith(code: number, truth: "appended" | "not", times: number): void {
  let left = times;
  const own = (head: RequestHead) => (isAppend(head) && left-- > 0 ? appendAnswer(head, physical, code) : undefined);
  proxy.rules = truth === "appended" ? { answer: (head, answer) => own(head) ?? answer } : { request: own };
}

/** By what became of the first append, how a write ends when the answer comes once, and when it comes again and again. */
const ends: Record<AppendOutcome, { readonly once: string; readonly always: string }> = {
  appended: { once: "acknowledged", always: "acknowledged" },
  later: { once: "acknowledged", always: "TP_LOG_UNAVAILABLE" },
  unknown: { once: "acknowledged", always: "TP_WRITER_LOST" },
  // the transaction is aborted and written once more
  refused: { once: "acknowledged", always: "TP_LOG_UNAVAILABLE" },
  abort: { once: "acknowledged", always: "TP_LOG_UNAVAILABLE" },
  fenced: { once: "TP_WRITER_FENCED", always: "TP_WRITER_FENCED" },
  lost: { once: "TP_WRITER_LOST", always: "TP_WRITER_LOST" },
};

const endOf = (writing: Promise<void>): Promise<string> =>
  writing.then(
    () => "acknowledged",
    (error: { code?: string }) => error.code ?? String(error),
  );

describe("a transaction whose append is answered with a code", () => {
  const codes = [...appendErrors.keys(), 999];
  const cases = codes.flatMap((code) =>
    truths[outcomeOf(code)].flatMap((truth) =>
      (repeated.has(code) ? (["once", "always"] as const) : (["once"] as const)).map((often) => ({
        code,
        name: appendErrors.get(code)?.name ?? "?",
        truth,
        often,
      })),
    ),
  );
  test.each(cases)(
    "$code $name, $truth, $often: what is acknowledged is there, once",
    async ({ code, truth, often }) => {
      const name = randomUUID().slice(0, 8);
      const { end: from } = await log.offsets(topic, 0);
      const first = await writer(name, often === "always" ? BRIEF_MS : PATIENT_MS);
      const acknowledged: string[] = [];
      answersWith(code, truth, often === "once" ? 1 : Number.POSITIVE_INFINITY);
      const end = await endOf(first.write([record("first")]));
      if (end === "acknowledged") acknowledged.push("first");
      expect(end).toBe(ends[outcomeOf(code)][often]);
      proxy.rules = {};
      // what comes next must never be taken for a repeat of the first
      let next = first;
      if (end.startsWith("TP_WRITER")) {
        expect(await endOf(first.write([record("second")]))).toBe(end);
        next = await writer(name);
      }
      for (const text of ["third", "fourth"]) {
        await next.write([record(text)]);
        acknowledged.push(text);
      }
      expect(await held(from)).toEqual(acknowledged);
      await first.close();
      await next.close();
    },
  );
});

describe("a transaction whose answer is lost", () => {
  const offsets = [{ group: "g", topic, partition: 0, offset: 1 }];
  const steps = [
    { step: "produce", spent: false },
    { step: "addPartitionsToTxn", spent: false },
    { step: "addOffsetsToTxn", spent: false },
    { step: "txnOffsetCommit", spent: false },
    { step: "endTxn", spent: true },
  ] as const;
  test.each(steps)("of $step once: its outcome is found out, and it counts once", async ({ step, spent }) => {
    const { end: from } = await log.offsets(topic, 0);
    const one = await writer(randomUUID().slice(0, 8));
    let lost = 0;
    proxy.rules = { answer: (head, answer) => (head.apiKey === API[step] && lost++ === 0 ? undefined : answer) };
    await one.write([record("a")], offsets);
    expect(lost).toBeGreaterThan(1);
    // an end that went twice may come again: nothing that is written after it may be ended by it
    expect(await endOf(one.write([record("b")], offsets))).toBe(spent ? "TP_WRITER_LOST" : "acknowledged");
    expect(await held(from)).toEqual(spent ? ["a"] : ["a", "b"]);
    await one.close();
  });

  test.each(steps)("of $step for good: the writer is over, and the next one goes on", async ({ step }) => {
    const { end: from } = await log.offsets(topic, 0);
    const name = randomUUID().slice(0, 8);
    const one = await writer(name, IMPATIENT_MS);
    proxy.rules = { answer: (head, answer) => (head.apiKey === API[step] ? undefined : answer) };
    expect(await endOf(one.write([record("a")], offsets))).toBe("TP_WRITER_LOST");
    proxy.rules = {};
    const other = await writer(name);
    await other.write([record("b")], offsets);
    // whether the lost one had been committed is what nobody knew
    expect((await held(from)).filter((text) => text !== "a" || step !== "endTxn")).toEqual(["b"]);
    await Promise.all([one.close(), other.close()]);
  });
});

describe("an append outside of transactions", () => {
  const passing = [...appendErrors].filter(([, { outcome }]) => outcome === "later" || outcome === "unknown");
  test.each(passing.map(([code, { name, outcome }]) => ({ code, name, outcome })))(
    "that is answered with $code $name goes again until it is acknowledged",
    async ({ code, outcome }) => {
      const { end: from } = await log.offsets(topic, 0);
      answersWith(code, truths[outcome][0]!, 1);
      await log.append([record("a")]);
      await log.append([record("b")]);
      const texts = await held(from);
      // where it may have been appended it may be there twice: readers know repeats by session and number
      expect(texts.filter((text, at) => texts.indexOf(text) === at)).toEqual(["a", "b"]);
      expect(texts).toHaveLength(outcome === "unknown" ? 3 : 2);
    },
  );
});

test("the names are Kafka's, and what goes again here is what its Java client sends again", async () => {
  const libraries = await ensureKafka();
  const main = ["-cp", join(libraries, "*"), "org.apache.kafka.common.protocol.Errors"];
  const html = execFileSync("java", main, { encoding: "utf8" });
  const rows = [...html.matchAll(/<tr>\s*<td>(\w+)<\/td>\s*<td>(-?\d+)<\/td>\s*<td>(\w+)<\/td>/g)];
  const theirs = new Map(
    rows.map(([, name, code, retriable]) => [Number(code), { name, retriable: retriable === "True" }]),
  );
  expect(theirs.size).toBeGreaterThan(100);
  const differing = new Set([
    // they repeat what arrived damaged, and give up at what says nothing; 8 is none of theirs for appends
    ...[2, -1, 8],
  ]);
  for (const [code, { name, outcome }] of appendErrors) {
    expect(`${code} ${theirs.get(code)?.name}`).toBe(`${code} ${name}`);
    const goesAgain = outcome === "later" || outcome === "unknown";
    if (!differing.has(code)) expect(`${name} ${goesAgain}`).toBe(`${name} ${theirs.get(code)?.retriable}`);
  }
});

describe("versions are negotiated", () => {
  const fetches = [7, 8, 9, 10, 11, 12].map((version) => ({ api: "fetch" as const, version }));
  const produces = [5, 6, 7, 8, 9, 10, 11].map((version) => ({ api: "produce" as const, version }));
  test.each([...fetches, ...produces])("$api $version where the broker knows no newer", async ({ api, version }) => {
    proxy.rules = {
      answer: (head, answer) =>
        head.apiKey === API.apiVersions ? boundVersions(answer, { [API[api]]: version }) : answer,
    };
    const other = await KafkaLog.open({
      kafka: kafkaConfig([proxy.address]),
      namespace: NAMESPACE,
      logger: testLogger,
    });
    const { end: from } = await other.offsets(topic, 0);
    proxy.seen.clear();
    await other.append([record("a"), record("b")]);
    const found = await other.read(topic, 0, from, 1 << 20);
    expect(found.map(({ value }) => Buffer.from(value!).toString())).toEqual(["a", "b"]);
    expect(new Set(proxy.seen.get(API[api])?.map(({ apiVersion }) => apiVersion))).toEqual(new Set([version]));
    await other.close();
  });

  test("a broker with which none is in common is said by a code of its own", async () => {
    proxy.rules = {
      answer: (head, answer) => (head.apiKey === API.apiVersions ? boundVersions(answer, { [API.fetch]: 3 }) : answer),
    };
    const other = await KafkaLog.open({
      kafka: kafkaConfig([proxy.address]),
      namespace: NAMESPACE,
      logger: testLogger,
    });
    await expect(other.read(topic, 0, 0, 1 << 20)).rejects.toMatchObject({ code: "TP_LOG_VERSION" });
    await other.close();
  });
});
