import { describe, expect, it } from "vitest";
import { baseOf, byLength, interval, intervalNames, nests, venueEnd } from "../../schemas/kline-intervals.js";

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

describe("a venue's own K-lines", () => {
  const HOUR = 3_600_000_000;

  it("end where the next month or year opens, by the venue's clock", () => {
    for (const hoursEast of [-12, -5, 0, 8, 9, 14]) {
      const midnight = (year: number, month: number) => Date.UTC(year, month, 1) * 1000 - hoursEast * HOUR;
      for (let month = 0; month < 48; month++) {
        const open = midnight(2023, month);
        expect(venueEnd("1M", open)).toBe(midnight(2023, month + 1));
        expect(venueEnd("3M", open)).toBe(midnight(2023, month + 3));
        expect(venueEnd("1y", open)).toBe(midnight(2024, month));
      }
    }
    expect(new Date(venueEnd("1M", Date.UTC(2024, 0, 1) * 1000) / 1000).toISOString()).toBe("2024-02-01T00:00:00.000Z");
  });

  it("of days and weeks have their length, whenever the venue's day opens", () => {
    const open = Date.UTC(2024, 1, 28, 16) * 1000;
    expect(venueEnd("1d", open) - open).toBe(DAY);
    expect(venueEnd("2w", open) - open).toBe(14 * DAY);
    expect(venueEnd("45m", open) - open).toBe(0.75 * HOUR);
    for (const name of ["", "m", "0m", "1.5h", "1Y", "1mo"])
      expect(() => venueEnd(name, open), name).toThrow(RangeError);
  });

  it("and the plant's own end at the same instants", () => {
    for (const name of intervalNames) {
      const open = interval(name).openTime(Date.UTC(2024, 1, 29, 12) * 1000);
      expect(venueEnd(name, open), name).toBe(interval(name).nextOpen(open));
    }
    expect([...intervalNames].reverse().sort(byLength)).toEqual(intervalNames);
  });
});
