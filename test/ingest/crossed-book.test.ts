import { afterEach, expect, it } from "vitest";
import { venueOf } from "../../ingest/venues/index.js";
import type { DepthTick } from "../../schemas/ticks.js";
import { liveRig, until } from "./live-rig.js";
import { MoodyExchange } from "./moody-exchange.js";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

it("a book that one update crosses is told, and asked for at once", async () => {
  const exchange = await MoodyExchange.start(["BTC"], 50);
  stops.push(() => exchange.stop());
  const choice = { symbols: ["BTC/USDT"], kinds: ["depth"] as const };
  const rig = await liveRig({}, { venues: [{ venue: venueOf("binance", exchange.settings), ...choice }] });
  stops.push(() => rig.stop());
  const isRight = () => rig.ingest.isReady;
  await until(isRight, "ready");
  const asked = () => exchange.requests.get("/api/v3/depth") ?? 0;
  for (const levels of [
    { bids: [["101.50", "1"]], asks: [] },
    { bids: [], asks: [["99.00", "2"]] },
  ] as { bids: [string, string][]; asks: [string, string][] }[]) {
    const before = { asked: asked(), ticks: (await rig.depthOf("BTC/USDT")).length };
    exchange.mood.nextLevels = levels;
    await until(() => asked() > before.asked, "asked for");
    await until(isRight, "right again");
    const logged = async () => (await rig.depthOf("BTC/USDT")).slice(before.ticks);
    const crosses = ({ bids, asks }: DepthTick) => bids[0]?.[0] === "101.50" || asks[0]?.[0] === "99.00";
    // it went out, and a snapshot after it; one that was asked for before may have come between
    const mended = (ticks: readonly DepthTick[]) => {
      const crossing = ticks.findIndex(crosses);
      return crossing >= 0 && ticks.slice(crossing).some(({ action }) => action === "snapshot");
    };
    await until(async () => mended(await logged()), "a snapshot after it in the log");
    const since = await logged();
    expect(since.filter(({ action }) => action === "gap")).toEqual([]);
    expect(asked()).toBe(before.asked + 1);
  }
}, 300_000);
