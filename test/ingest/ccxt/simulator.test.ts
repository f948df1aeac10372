import { afterEach, describe, expect, it } from "vitest";
import type { DepthTick } from "../../../schemas/ticks.js";
import { until } from "../live-rig.js";
import { ccxtRig } from "./simulated.js";

type Rig = Awaited<ReturnType<typeof ccxtRig>>;
let rig: Rig | undefined;

afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

async function ready(...given: Parameters<typeof ccxtRig>): Promise<Rig> {
  const made = await ccxtRig(...given);
  rig = made;
  await until(() => made.ingest.isReady, "ready");
  for (const symbol of made.symbols) await until(async () => (await made.tradesOf(symbol)).length > 5, "trades flow");
  return made;
}

const gapsOf = (depth: readonly DepthTick[]) => {
  const [start, ...gaps] = depth.filter((tick) => tick.action === "gap").map((tick) => tick.reason);
  expect(start).toBe("session_start");
  return gaps;
};

describe.each(["spot", "usdm"] as const)("a %s venue through ccxt", (dialect) => {
  it("brings its books, trades and instruments into the log, as the venue has them", async () => {
    const { symbols, settled, ticks, depthOf, deadLetters } = await ready(dialect);
    await until(async () => (await ticks()).some(({ kind }) => kind === "ticker"), "a ticker");
    await settled();
    const all = await ticks();
    for (const symbol of symbols) {
      expect(gapsOf(await depthOf(symbol))).toEqual([]);
    }
    const kinds = new Set(all.map((tick) => tick.kind));
    expect(kinds).toEqual(new Set(["instrument", "trade", "quote", "ticker", "depth", "heartbeat"]));
    expect(await deadLetters()).toEqual([]);
  });
});
