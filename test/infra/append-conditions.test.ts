import { expect, it } from "vitest";
import { Health } from "../../infra/health.js";
import { appendConditions, type WaitingAppend } from "../../infra/log/append-conditions.js";
import { LogFull } from "../../infra/log/errors.js";
import { createLogger } from "../../infra/logging.js";

const logger = createLogger({ level: "silent" });
const SECOND = 1_000_000;

/** Health of a role whose appends are as told, looked at once a second for so many seconds. */
function after(seconds: number, appends: (atMs: number) => (WaitingAppend | undefined)[]) {
  let now = 0;
  const health = new Health({ role: "ingest", logger, now: () => now });
  health.watch(() => appendConditions("market.raw", appends(now / 1_000)));
  for (; now <= seconds * SECOND; now += SECOND) health.look();
  return health.report();
}

it("an append without any answer is not ready after 5 s, and not live after 5 min", () => {
  const hangs = (ms: number) => [undefined, { ms, failure: undefined }];
  expect(after(4, hangs)).toMatchObject({ ready: true, conditions: [] });
  expect(after(6, hangs)).toMatchObject({
    ready: false,
    live: true,
    reasons: ["the log has taken nothing of market.raw for 6 s: no answer"],
  });
  expect(after(299, hangs).live).toBe(true);
  expect(after(301, hangs)).toMatchObject({ ready: false, live: false });
});

it("a log that is away, and says so, is not mended by a restart", () => {
  const refused = (ms: number) => [{ ms, failure: ms > 30_000 ? new Error("no leader") : undefined }];
  expect(after(3_600, refused)).toMatchObject({
    ready: false,
    live: true,
    reasons: ["the log has taken nothing of market.raw for 3600 s: no leader"],
  });
});

it("a full log is told at once, and of several appends the one that has waited longest", () => {
  expect(appendConditions("outputs", [{ ms: 1, failure: new LogFull("market.raw-0", "ENOSPC") }])).toMatchObject([
    { name: "log_full", severity: "not_ready" },
  ]);
  const waiting = [6_000, 9_000, 7_000].map((ms) => ({ ms, failure: undefined }));
  expect(appendConditions("outputs", waiting)[0]!.reason).toMatch(/for 9 s/);
});
