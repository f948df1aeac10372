import { describe, expect, it } from "vitest";
import { baseOf, interval, intervalNames, nests } from "../../processors/candles/intervals.js";

const DAY = 86_400_000_000;

/** Every opening of an interval over three months, found by asking for each minute. */
function openings(name: string, from: number, until: number): Set<number> {
  const found = new Set<number>();
  for (let time = from; time < until; time += 60_000_000) found.add(interval(name).openTime(time));
  return found;
}

describe("intervals", () => {
  const from = Date.UTC(2024, 0, 1) * 1000;
  const until = from + 92 * DAY;

  it("nest exactly where every opening of the longer one is an opening of the shorter one", () => {
    const names = intervalNames.filter((name) => name !== "1s");
    const all = new Map(names.map((name) => [name, openings(name, from, until)]));
    for (const shorter of names) {
      for (const longer of names.slice(names.indexOf(shorter))) {
        const inside = [...all.get(longer)!].filter((time) => time >= from);
        const really = inside.every((time) => interval(shorter).openTime(time) === time);
        expect(nests(interval(shorter), interval(longer)), `${shorter} in ${longer}`).toBe(really);
      }
    }
  });

  it("are rolled up from the shortest where it fits into all, else from the minute", () => {
    const base = (...names: string[]) => baseOf(names.map(interval)).name;
    expect(base("1m", "5m", "1h")).toBe("1m");
    expect(base("1s", "1w", "1M")).toBe("1s");
    expect(base("3m", "5m")).toBe("1m");
    expect(base("1w", "1M")).toBe("1m");
    expect(base("3d", "1w")).toBe("1m");
    expect(base("1M")).toBe("1M");
  });

  it("open weeks on Monday and months on their first day, UTC", () => {
    const time = Date.UTC(2024, 1, 29, 12) * 1000;
    expect(interval("1w").openTime(time)).toBe(Date.UTC(2024, 1, 26) * 1000);
    expect(interval("1M").openTime(time)).toBe(Date.UTC(2024, 1, 1) * 1000);
    expect(interval("1M").nextOpen(Date.UTC(2024, 11, 1) * 1000)).toBe(Date.UTC(2025, 0, 1) * 1000);
  });
});
