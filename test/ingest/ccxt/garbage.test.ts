import { expect, it } from "vitest";
import { liveRig, until } from "../live-rig.js";
import { simulatedMarkets, throughCcxt } from "./simulated.js";

it("frames that are no JSON go to the dead letters with their bytes, and no stream breaks", async () => {
  const rig = await liveRig({}, {}, simulatedMarkets("spot"), { source: throughCcxt });
  try {
    await until(() => rig.ingest.isReady, "ready");
    await until(async () => (await rig.tradesOf(rig.symbols[0]!)).length > 5, "trades flow");
    for (const form of ["not_json", "truncated"] as const) expect(await rig.simulator.garbage({ form })).toBe(true);
    await until(async () => (await rig.deadLetters()).length >= 2, "two dead letters");
    for (const letter of await rig.deadLetters()) {
      expect(letter).toMatchObject({ reason: "unreadable_frame", exchange: "binance" });
      expect(letter.original.length).toBeGreaterThan(3);
    }
    await rig.settled();
    for (const symbol of rig.symbols) {
      const gaps = (await rig.depthOf(symbol)).filter(({ action }) => action === "gap");
      expect(gaps.map(({ reason }) => reason)).toEqual(["session_start"]);
    }
    expect(await rig.dropped("ingest", "disconnect")).toBe(0);
  } finally {
    await rig.stop();
  }
});
