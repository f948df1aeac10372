import { describe, expect, it } from "vitest";
import { BestPrices } from "../../ingest/best-prices.js";
import type { DepthTick, LevelText } from "../../schemas/ticks.js";
import { seeded } from "../infra/seeded.js";

const tick = (action: "snapshot" | "increment", bids: readonly LevelText[], asks: readonly LevelText[]): DepthTick => ({
  ...{ kind: "depth", exchange: "binance", symbol: "BTC/USDT", exchangeTime: 0, receiveTime: 0 },
  ...{ action, firstUpdateId: 0, updateId: 0, bids, asks },
});

/** The whole book, exactly: prices as integers of 10^-20. */
class WholeBook {
  readonly #sides = { bids: new Map<bigint, string>(), asks: new Map<bigint, string>() };

  take({ action, bids, asks }: DepthTick): void {
    for (const [name, levels] of Object.entries({ bids, asks })) {
      const side = this.#sides[name as "bids" | "asks"];
      if (action === "snapshot") side.clear();
      for (const [price, qty] of levels) {
        const [whole, fraction = ""] = price.split(".");
        const key = BigInt(whole! + fraction.padEnd(20, "0"));
        if (Number(qty) === 0) side.delete(key);
        else side.set(key, qty);
      }
    }
  }

  get isCrossed(): boolean {
    const { bids, asks } = this.#sides;
    if (bids.size === 0 || asks.size === 0) return false;
    const best = (keys: Iterable<bigint>, better: (a: bigint, b: bigint) => boolean) =>
      [...keys].reduce((a, b) => (better(b, a) ? b : a));
    return best(bids.keys(), (a, b) => a > b) >= best(asks.keys(), (a, b) => a < b);
  }
}

describe("best prices", () => {
  const run = (depth: number, scale: number, seedName: string) => {
    const random = seeded(seedName);
    const best = new BestPrices();
    const whole = new WholeBook();
    let middle = 10 ** 6;
    let crossings = 0;
    let missed = 0;
    const priceOf = (units: number): string => {
      const digits = String(units).padStart(scale + 1, "0");
      const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
      // venues write one price in several ways
      const way = random(8);
      if (way === 0 && scale > 0) return text.replace(/\.?0+$/, "");
      return way === 1 ? `${text}${scale === 0 ? "." : ""}00` : text;
    };
    const level = (units: number): LevelText => [priceOf(units), random(3) === 0 ? "0.000" : String(1 + random(9))];
    for (let turn = 0; turn < 3_000; turn++) {
      middle += random(5) - 2;
      const side = (sign: number): LevelText[] =>
        Array.from({ length: random(6) }, () => level(middle + sign * (random(depth) - 1)));
      const what = turn % 500 === 0 ? "snapshot" : "increment";
      const next = tick(what, side(-1), side(1));
      best.take(next);
      whole.take(next);
      if (best.isCrossed) expect(whole.isCrossed).toBe(true);
      if (whole.isCrossed) crossings++;
      if (whole.isCrossed !== best.isCrossed) missed++;
    }
    expect(crossings).toBeGreaterThan(100);
    return missed;
  };

  it.each([0, 2, 8])("of a book that they know whole they say exactly when it is crossed, at scale %i", (scale) => {
    expect(run(20, scale, "best-prices")).toBe(0);
  });

  it("of a deep book they never say wrongly that it is crossed, and nearly always that it is", () => {
    expect(run(1_500, 2, "best-prices-deep")).toBeLessThan(300);
  });

  it("a snapshot in any order is taken, and the best of many levels are kept", () => {
    const bids = Array.from({ length: 5_000 }, (_, at): LevelText => [`${10_000 - ((at * 7) % 5_000)}.5`, "1"]);
    const best = new BestPrices();
    best.take(tick("snapshot", bids, [["10001", "1"]]));
    expect(best.isCrossed).toBe(false);
    best.take(tick("increment", [], [["10000.5", "2"]]));
    expect(best.isCrossed).toBe(true);
    best.take(tick("increment", [], [["10000.50", "0"]]));
    expect(best.isCrossed).toBe(false);
    // forty of the best go; the next is known
    best.take(
      tick(
        "increment",
        bids
          .slice()
          .sort(([a], [b]) => Number(b) - Number(a))
          .slice(0, 40)
          .map(([p]) => [p, "0"]),
        [],
      ),
    );
    best.take(tick("increment", [], [["9960.5", "1"]]));
    expect(best.isCrossed).toBe(true);
  });

  it("prices beyond safe integers are not followed until the next snapshot", () => {
    const best = new BestPrices();
    best.take(tick("snapshot", [["8", "1"]], [["9", "1"]]));
    best.take(tick("increment", [["9.123456789012345678", "1"]], []));
    expect(best.isCrossed).toBe(false);
    best.take(tick("increment", [["10", "1"]], []));
    expect(best.isCrossed).toBe(false);
    best.take(tick("snapshot", [["10", "1"]], [["9", "1"]]));
    expect(best.isCrossed).toBe(true);
    best.take(tick("snapshot", [["0.000000000000000002", "1"]], [["0.000000000000000001", "1"]]));
    expect(best.isCrossed).toBe(true);
    best.take(tick("snapshot", [["abc", "1"]], []));
    expect(best.isCrossed).toBe(false);
  });
});
