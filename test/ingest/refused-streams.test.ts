import { afterEach, describe, expect, it } from "vitest";
import { venueOf } from "../../ingest/venues/index.js";
import { liveRig, until } from "./live-rig.js";
import { MoodyExchange } from "./moody-exchange.js";

let stop: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of stop.splice(0).reverse()) await end();
  stop = [];
});

async function started(mood: Partial<MoodyExchange["mood"]> = {}, clockBoundMs?: number) {
  const exchange = await MoodyExchange.start(["BTC", "NEW"], 50);
  stop.push(() => exchange.stop());
  Object.assign(exchange.mood, mood);
  const symbols = ["BTC/USDT", "NEW/USDT"];
  const kinds = ["trade", "depth"] as const;
  const rig = await liveRig(
    {},
    {
      venues: [{ venue: venueOf("binance", exchange.settings), symbols, kinds }],
      ...(clockBoundMs !== undefined && { clockBoundMs }),
    },
  );
  stop.push(() => rig.stop());
  const held = (name: string) => rig.ingest.conditions().filter((condition) => condition.name === name);
  return { exchange, rig, held };
}

describe("a venue that refuses subscriptions", () => {
  it("all: the feed is not up, no book is right, it says which streams and why, asks again, and mends", async () => {
    const { exchange, rig, held } = await started({ refuses: () => true });
    const streams = "btcusdt@trade, btcusdt@depth@100ms, newusdt@trade, newusdt@depth@100ms";
    const reason = `binance refuses ${streams}: no such stream (code 2)`;
    await until(() => held("subscription_refused")[0]?.reason === reason, "it says so");
    expect(held("subscription_refused")).toMatchObject([{ severity: "not_ready", subject: "binance market-1" }]);
    await until(() => exchange.asked.get("btcusdt@trade")! >= 3, "asked for again");
    expect(rig.ingest.feeds()).toMatchObject([{ exchange: "binance", connected: false }]);
    expect(rig.ingest.isReady).toBe(false);
    exchange.mood.refuses = () => false;
    await until(() => rig.ingest.isReady && rig.ingest.conditions().length === 0, "well again");
    expect((await rig.depthOf("BTC/USDT")).some(({ action }) => action === "snapshot")).toBe(true);
  });

  it("one: the others flow, it is asked for by itself, and mends", async () => {
    const { exchange, rig, held } = await started({ refuses: (stream) => stream === "newusdt@trade" });
    await until(() => held("subscription_refused").length > 0, "it says so");
    expect(held("subscription_refused")[0]!.reason).toBe("binance refuses newusdt@trade: no such stream (code 2)");
    await until(() => rig.ingest.isReady, "the others are up");
    await until(async () => (await rig.tradesOf("BTC/USDT")).length > 3, "their trades flow");
    exchange.mood.refuses = () => false;
    await until(() => rig.ingest.conditions().length === 0, "well again");
    await until(async () => (await rig.tradesOf("NEW/USDT")).length > 3, "its trades flow");
  });
});

describe("a venue's clock", () => {
  it.each([
    [6_000, "behind"],
    [-6_000, "ahead of"],
  ])("%i ms from ours is said with its size, and so is that it is right again", async (aheadMs, word) => {
    const { exchange, rig, held } = await started({ aheadMs });
    await until(() => held("clock_off").length > 0, "it says so");
    const [said] = held("clock_off");
    expect(said!.reason).toMatch(new RegExp(`^the clock is \\d+ ms ${word} binance's`));
    const ms = Number(/is (\d+) ms/.exec(said!.reason)![1]);
    expect(Math.abs(ms - 6_000)).toBeLessThan(1_500);
    await until(async () => {
      const [offset] = (await rig.metrics.feedClockOffset.get()).values;
      return offset !== undefined && Math.abs(offset.value - aheadMs / 1000) < 1.5;
    }, "the metric has it");
    exchange.mood.aheadMs = 0;
    await until(() => held("clock_off").length === 0, "well again", 30_000);
  });

  it.each([1_500, -1_500, 3_500])("that is %i ms ahead is worth no word", async (aheadMs) => {
    const { rig } = await started({ aheadMs });
    await until(async () => (await rig.tradesOf("BTC/USDT")).length > 20, "trades flow");
    expect(rig.ingest.conditions().filter(({ name }) => name === "clock_off")).toEqual([]);
  });
});
