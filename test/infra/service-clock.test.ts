import { expect, it } from "vitest";
import { ServiceClock } from "../../infra/service-clock.js";

it.each([
  [0, undefined, ""],
  [250, undefined, ""],
  [-251, "note", "this machine's clock is 251 ms ahead of Redis's: run NTP on both"],
  [3_900, "note", "this machine's clock is 3900 ms behind Redis's: run NTP on both"],
  [6_000, "not_ready", "this machine's clock is 6000 ms behind Redis's: run NTP on both"],
  [-6_000, "not_ready", "this machine's clock is 6000 ms ahead of Redis's: run NTP on both"],
] as const)("a service's clock that is %i ms ahead: %s", (aheadMs, severity, reason) => {
  const clock = new ServiceClock("Redis", 4_000);
  expect(clock.conditions()).toEqual([]);
  clock.measured(10_000 + aheadMs, 10_000, 10_000);
  const held = severity === undefined ? [] : [{ name: "clock_off", subject: "Redis", reason, severity }];
  expect(clock.conditions()).toEqual(held);
});

it("an answer that took long is no proof; the surest of the newest counts, and what is mended is soon forgotten", () => {
  const clock = new ServiceClock("Redis", 4_000);
  clock.measured(11_000, 10_000, 12_000);
  clock.measured(11_900, 10_000, 12_000);
  expect(clock.conditions()).toEqual([]);
  clock.measured(20_500, 20_000, 20_010);
  expect(clock.offset).toEqual({ aheadMs: 495, uncertainMs: 5 });
  clock.measured(31_500, 30_000, 31_000);
  expect(clock.offset).toEqual({ aheadMs: 495, uncertainMs: 5 });
  for (let i = 0; i < 5; i++) clock.measured(40_000, 40_000, 40_020);
  expect(clock.conditions()).toEqual([]);
});
