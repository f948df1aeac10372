import { describe, expect, it } from "vitest";
import { medianInterval } from "./interval.js";

/** P(Binomial(n, ½) < k), in whole numbers. */
function below(n: number, k: number): number {
  let sum = 0n;
  let choose = 1n;
  for (let i = 0; i < k; i++) {
    sum += choose;
    choose = (choose * BigInt(n - i)) / BigInt(i + 1);
  }
  return Number((sum * 10n ** 15n) / 2n ** BigInt(n)) / 1e15;
}

describe("the interval of a median", () => {
  it.each([6, 7, 10, 21, 50, 101])("of %i values is the narrowest that holds it with 95 %%", (count) => {
    const values = Array.from({ length: count }, (_, at) => at + 1);
    const { low, high } = medianInterval(values.toReversed());
    expect(low + high).toBe(count + 1);
    expect(1 - 2 * below(count, low)).toBeGreaterThanOrEqual(0.95);
    expect(1 - 2 * below(count, low + 1)).toBeLessThan(0.95);
  });

  it("of few values is all of them", () => {
    expect(medianInterval([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3 });
    expect(medianInterval([5])).toEqual({ median: 5, low: 5, high: 5 });
  });
});
