import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { Recorder } from "../../../ingest/recorder/recorder.js";
import type { RawTick } from "../../../schemas/ticks.js";
import { liveRig, until } from "../live-rig.js";
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

const gapsOf = (ticks: readonly RawTick[], symbol: string) =>
  ofKind(ticks, "depth")
    .filter((tick) => tick.symbol === symbol && tick.action === "gap")
    .map(({ reason }) => reason);
