import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { Recorder } from "../../../ingest/recorder/recorder.js";
import type { RawTick } from "../../../schemas/ticks.js";
import { bookOf, liveRig, until } from "../live-rig.js";
import { ofKind, replayed, temporaryFolder } from "../replay/collected.js";

const folder = temporaryFolder();

it("a recording of live ingest tells of a lost connection as the log does", async () => {
  const path = folder.path("recorded");
  const recorder = new Recorder({ folder: path });
  const heard: string[] = [];
  const rig = await liveRig(
    {},
    {
      onFrame: recorder.frame,
      onConnection: (venue, feed, connected, time) => {
        heard.push(connected ? "up" : "down");
        recorder.connection(venue, feed, connected, time);
      },
    },
  );
  try {
    await until(() => rig.ingest.isReady, "ready");
    expect(rig.simulator.disconnect()).toBe(1);
    await until(() => heard.length === 3 && rig.ingest.isReady, "ready again");
    await rig.settled();
    await recorder.close();
    expect(heard).toEqual(["up", "down", "up"]);
    const files = readdirSync(path).map((file) => `${path}/${file}`);
    const again = (await replayed({ files })).ticks;
    for (const symbol of rig.symbols) {
      const [start, ...live] = gapsOf(await rig.ticks(), symbol);
      expect(start).toBe("session_start");
      expect(live).toEqual(["reconnect"]);
      expect(gapsOf(again, symbol)).toEqual(live);
    }
  } finally {
    await rig.stop();
  }
});

it.each(["okx", "kraken"] as const)(
  "a recording of %s across a planned reconnect and a loss replays to the very books",
  async (dialect) => {
    const path = folder.path("recorded");
    const recorder = new Recorder({ folder: path });
    const rig = await liveRig(
      { dialect },
      { onFrame: recorder.frame, onConnection: (...told) => recorder.connection(...told) },
      {},
      { plan: (plan) => ({ ...plan, maxAgeMs: 600 }) },
    );
    try {
      await until(() => rig.ingest.isReady, "ready");
      const feeds = rig.ingest.feeds().length;
      await until(() => rig.simulator.connections > feeds, "a second socket beside the first");
      await until(() => rig.simulator.connections === feeds, "the first is closed");
      rig.simulator.disconnect();
      await until(async () => gapsOf(await rig.ticks(), rig.symbols[1]!).length === 2, "the loss is told");
      await until(() => rig.ingest.isReady, "ready again");
      await rig.settled();
      await recorder.close();
      const files = readdirSync(path).map((file) => `${path}/${file}`);
      const { ticks, report } = await replayed({ files });
      expect(report.problems).toEqual([]);
      for (const symbol of rig.symbols) {
        const depth = ofKind(ticks, "depth").filter((tick) => tick.symbol === symbol);
        expect(gapsOf(ticks, symbol)).toEqual(["reconnect"]);
        const [again, live] = [bookOf(depth), bookOf(await rig.depthOf(symbol))];
        expect(again.live).toBe(true);
        expect([...again.bids].sort()).toEqual([...live.bids].sort());
        expect([...again.asks].sort()).toEqual([...live.asks].sort());
      }
    } finally {
      await rig.stop();
    }
  },
);

const gapsOf = (ticks: readonly RawTick[], symbol: string) =>
  ofKind(ticks, "depth")
    .filter((tick) => tick.symbol === symbol && tick.action === "gap")
    .map(({ reason }) => reason);
