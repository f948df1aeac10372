import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it, onTestFinished, vi } from "vitest";
import { Deadline } from "../../infra/deadline.js";

const patience = { timeout: 10_000, interval: 5 };

it("aborts when so long nothing has come, whatever the garbage collector does meanwhile", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const reasons: unknown[] = [];
  const listen = () => {
    const { signal } = new Deadline(30, new AbortController().signal);
    signal.addEventListener("abort", () => reasons.push((signal.reason as Error).name));
  };
  for (let i = 0; i < 20; i++) listen();
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  await expect.poll(() => reasons.length, patience).toBe(20);
  expect(new Set(reasons)).toEqual(new Set(["TimeoutError"]));
});

it("aborts with the signal around it, for its reason, also where that has aborted before", () => {
  const outer = new AbortController();
  const before = new Deadline(60_000, outer.signal);
  outer.abort(new Error("stopped"));
  const after = new Deadline(60_000, outer.signal);
  for (const { signal } of [before, after]) expect(signal.reason).toEqual(new Error("stopped"));
});

it("lives on while something comes, and leaves nothing behind when it ends", () => {
  vi.useFakeTimers();
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const outer = new AbortController();
  const [extended, ended] = [new Deadline(40, outer.signal), new Deadline(40, outer.signal)];
  ended.end();
  for (let passed = 0; passed < 120; passed += 30) {
    vi.advanceTimersByTime(30);
    extended.extend();
  }
  expect(extended.signal.aborted).toBe(false);
  vi.advanceTimersByTime(40);
  expect(extended.signal.aborted).toBe(true);
  outer.abort();
  expect([ended.signal.aborted, vi.getTimerCount()]).toEqual([false, 0]);
});
