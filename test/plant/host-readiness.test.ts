import { expect, it } from "vitest";
import type { Condition } from "../../infra/health.js";
import { HostReadiness } from "../../plant/roles/host-readiness.js";
import { livenessOf, type Readiness } from "../../push/rest/plant-routes.js";

const storeIsAway: Condition = { name: "store_unreachable", reason: "the store is away", severity: "not_ready" };

it("a thread adds what it knows itself; a main thread that says nothing for a minute is beyond repair", async () => {
  let now = 0;
  let own: Condition[] = [];
  let answer: () => Promise<Readiness> = async () => ({ ready: true, live: true, reasons: [], conditions: [] });
  const host = new HostReadiness({ ask: () => answer(), own: () => own, now: () => now });
  expect(await host.readiness()).toMatchObject({ ready: true, live: true, reasons: [] });
  own = [storeIsAway, { name: "stands_by", reason: "others have it", severity: "note" }];
  expect(await host.readiness()).toMatchObject({ ready: false, live: true, reasons: ["the store is away"] });
  answer = () => Promise.reject(new Error("it does not answer"));
  now = 59_999;
  const held = await host.readiness();
  expect(held).toEqual({ ready: false, reasons: ["it does not answer", "the store is away"] });
  expect(livenessOf(held)).toEqual({ alive: true, reasons: [] });
  now = 60_000;
  expect(livenessOf(await host.readiness())).toEqual({
    alive: false,
    reasons: ["the main thread has not answered for 60 s"],
  });
  answer = async () => ({ ready: true, live: true, reasons: [], conditions: [] });
  own = [];
  expect(livenessOf(await host.readiness())).toEqual({ alive: true, reasons: [] });
  answer = () => Promise.reject(new Error("it does not answer"));
  expect(livenessOf(await host.readiness())).toEqual({ alive: true, reasons: [] });
});
