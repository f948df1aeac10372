import { expect, it } from "vitest";
import { type Condition, Health } from "../../infra/health.js";
import { createLogger, type Logger } from "../../infra/logging.js";
import { Metrics } from "../../infra/metrics.js";
import { ServiceProbe } from "../../infra/service-probe.js";

const lines: { level: string; text: string; reason: string; seconds?: number }[] = [];
const keeper = (level: string) => (said: { reason: string; seconds?: number }, text: string) =>
  lines.push({ level, text, ...said });
const logger = { info: keeper("info"), warn: keeper("warn"), error: keeper("error") } as unknown as Logger;

it("a condition stands with its reason and since when, until its part does not tell it any more", () => {
  lines.length = 0;
  let now = 1_000_000;
  let told: Condition[] = [];
  const health = new Health({ role: "ingest", logger, now: () => now });
  health.watch(() => told);
  expect(health.look()).toEqual({ ready: true, live: true, reasons: [], conditions: [] });
  told = [{ name: "feed_down", subject: "kraken market-1", reason: "no connection to kraken", severity: "not_ready" }];
  health.look();
  now += 2_500_000;
  expect(health.look()).toEqual({
    ready: false,
    live: true,
    reasons: ["no connection to kraken"],
    conditions: [{ ...told[0], since: 1_000_000 }],
  });
  told = [];
  expect(health.look().ready).toBe(true);
  expect(lines.map(({ level, text, reason, seconds }) => [level, text, reason, seconds])).toEqual([
    ["warn", "not ready", "no connection to kraken", undefined],
    ["info", "over: it is well again", "no connection to kraken", 2.5],
  ]);
});

it("notes leave a role ready; what has held for too long is not live", () => {
  let now = 0;
  const health = new Health({ role: "process", logger, now: () => now });
  health.watch(() => [{ name: "stands_by", reason: "others have it", severity: "note" }]);
  expect(health.look()).toMatchObject({ ready: true, reasons: [], conditions: [{ name: "stands_by" }] });
  health.watch(() => [{ name: "thread_silent", reason: "it hangs", severity: "not_ready", stuckAfterMs: 60_000 }]);
  expect(health.look()).toMatchObject({ ready: false, live: true });
  now = 59_999_999;
  expect(health.look()).toMatchObject({ live: true });
  now += 1;
  expect(health.look()).toMatchObject({ ready: false, live: false });
});

it("a service that hangs, and one that refuses, is said in words; an answer ends it", async () => {
  const health = new Health({ role: "push", logger });
  let answer: () => Promise<unknown> = () => new Promise(() => {});
  let release = () => {};
  answer = () => new Promise<void>((resolve) => (release = resolve));
  const times = { everyMs: 5, deadlineMs: 30 };
  const probe = new ServiceProbe("store_unreachable", "the store", () => answer(), times);
  health.watch(() => probe.conditions());
  await expect.poll(() => health.look().reasons).toEqual(["the store does not answer: nothing within 0.03 s"]);
  answer = () => Promise.reject(new Error("connection refused"));
  release();
  await expect.poll(() => health.look().reasons).toEqual(["the store does not answer: connection refused"]);
  answer = async () => 1;
  await expect.poll(() => health.look().ready).toBe(true);
  probe.stop();
});

it("the metric counts what holds by name, down to nothing", async () => {
  const metrics = new Metrics();
  const health = new Health({ role: "ingest", logger: createLogger({ level: "silent" }), gauge: metrics.condition });
  let held = 2;
  health.watch(function* () {
    for (let i = 0; i < held; i++) yield { name: "book_stale", subject: `${i}`, reason: "", severity: "not_ready" };
  });
  const value = async () => (await metrics.condition.get()).values.map(({ value }) => value);
  health.look();
  expect(await value()).toEqual([2]);
  held = 0;
  health.look();
  expect(await value()).toEqual([0]);
});

it("what is over in the first seconds of a start is not told in the log; what is not, is told then", () => {
  lines.length = 0;
  let now = 0;
  let told: Condition[] = [];
  const health = new Health({ role: "ingest", logger, now: () => now, lookMs: 3_600_000 });
  health.watch(() => told);
  const feed: Condition = {
    name: "feed_down",
    subject: "kraken",
    reason: "no connection to kraken",
    severity: "not_ready",
  };
  const book: Condition = {
    name: "book_stale",
    subject: "okx",
    reason: "books of okx are not right",
    severity: "not_ready",
  };
  told = [feed, book];
  health.start();
  expect(health.report()).toMatchObject({ ready: false, conditions: [{ name: "feed_down" }, { name: "book_stale" }] });
  now = 1_000_000;
  told = [book];
  expect(health.look().reasons).toEqual(["books of okx are not right"]);
  expect(lines).toEqual([]);
  now = 5_000_000;
  health.look();
  now = 6_000_000;
  told = [feed];
  health.look();
  health.stop();
  expect(lines.map(({ text, reason, seconds }) => [text, reason, seconds])).toEqual([
    ["not ready", "books of okx are not right", undefined],
    ["not ready", "no connection to kraken", undefined],
    ["over: it is well again", "books of okx are not right", 6],
  ]);
});
