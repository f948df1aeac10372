import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Metrics } from "../../../infra/metrics.js";
import { Recorder } from "../../../ingest/recorder/recorder.js";
import type { Frame } from "../../../ingest/venue.js";
import { recording } from "../../recordings.js";
import { collect, ofKind, replayed, temporaryFolder } from "../replay/collected.js";

const folder = temporaryFolder();

function filesOf(name: string): string[] {
  return readdirSync(folder.path(name))
    .sort()
    .map((file) => folder.path(`${name}/${file}`));
}

async function droppedOf(metrics: Metrics): Promise<Record<string, number>> {
  const { values } = await metrics.dropped.get();
  const own = values.filter(({ labels, value }) => labels.place === "recorder" && value > 0);
  return Object.fromEntries(own.map(({ labels, value }) => [String(labels.reason), value]));
}

describe("the recorder", () => {
  it("what was recorded of two venues replays to the same ticks", async () => {
    const sources = [
      await collect(recording("cryptofeed/v3/BINANCE.jsonl.gz")),
      await collect(recording("hftbacktest/history/usdm_ethusdt_20240718.gz"), { venue: "binanceusdm" }),
    ];
    const recorder = new Recorder({ folder: folder.path("recorded"), segmentBytes: 1024 * 1024 });
    for (const { connections, frames } of sources) {
      for (const { venue, feed, connected, time } of connections) recorder.connection(venue, feed, connected, time);
      for (const { venue, frame } of frames) recorder.frame(venue, frame);
    }
    await recorder.close();
    const files = filesOf("recorded");
    expect(files.length).toBeGreaterThan(4);
    const again = await Promise.all(files.map((file) => collect(file)));
    expect(again.flatMap(({ frames }) => frames)).toEqual(sources.flatMap(({ frames }) => frames));
    expect(recorder.counts).toEqual({
      recorded: 1 + sources[0]!.frames.length + sources[1]!.frames.length,
      dropped: 0,
    });

    const live = await replayed({ files: [recording("cryptofeed/v3/BINANCE.jsonl.gz")] });
    const recordedTicks = (await replayed({ files })).ticks;
    const comparable = (ticks: typeof live.ticks) => ticks.filter(({ exchange }) => exchange === "binance");
    expect(comparable(recordedTicks)).toEqual(comparable(live.ticks));
    expect(ofKind(recordedTicks, "depth").filter(({ action }) => action === "gap")).toEqual([]);
  });

  it("keeps any text, line breaks and all", async () => {
    let run = 0;
    const frame = fc.record({
      text: fc.string({ unit: "binary", minLength: 1 }),
      receiveTime: fc.integer({ min: 1e15, max: 2e15 }),
      origin: fc.oneof(fc.constant({ socket: "market-1" }), fc.constant({ url: "https://api/x?symbol=A&limit=5" })),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 20 }), async (frames: Frame[]) => {
        run += 1;
        const recorder = new Recorder({ folder: folder.path(`any-${run}`) });
        for (const one of frames) recorder.frame("binance", one);
        await recorder.close();
        const again = await Promise.all(filesOf(`any-${run}`).map((file) => collect(file)));
        expect(again.flatMap(({ frames }) => frames.map(({ frame }) => frame))).toEqual(frames);
      }),
      { numRuns: 30 },
    );
  });

  it("begins a new file by size and by time, each readable by itself, their names in order", async () => {
    const start = Date.parse("2026-01-02T03:04:05Z") * 1000;
    const recorder = new Recorder({ folder: folder.path("rotated"), segmentMs: 60_000, segmentBytes: 10_000 });
    const text = "x".repeat(99);
    for (let second = 0; second < 180; second++) {
      recorder.frame("binance", { text, receiveTime: start + second * 1e6, origin: { socket: "m" } });
    }
    for (let index = 0; index < 300; index++) {
      recorder.frame("binance", { text, receiveTime: start + 180e6, origin: { socket: "m" } });
    }
    await recorder.close();
    const files = filesOf("rotated");
    expect(files[0]).toContain("20260102T030405.000Z-0001.tickplant.gz");
    const counts = files.map((file) => gunzipSync(readFileSync(file)).toString().trim().split("\n").length - 1);
    expect(counts.slice(0, 3)).toEqual([60, 60, 60]);
    expect(counts.slice(3).reduce((sum, count) => sum + count, 0)).toBe(300);
    expect(counts.length).toBeGreaterThan(5);
    for (const file of files) {
      expect(gunzipSync(readFileSync(file)).toString().startsWith("# tickplant recording 1\n")).toBe(true);
    }
  });

  it("what was flushed is readable while the file is still open, as after a crash", async () => {
    const { frames } = await collect(recording("hftbacktest/spot/btcusdt_20240808.gz"), { venue: "binance" });
    const recorder = new Recorder({ folder: folder.path("open") });
    for (const { venue, frame } of frames.slice(0, 3000)) recorder.frame(venue, frame);
    await recorder.flush();
    const [open = ""] = filesOf("open");
    copyFileSync(open, folder.path("after-crash.gz"));
    for (const { venue, frame } of frames.slice(3000, 4000)) recorder.frame(venue, frame);
    await recorder.close();
    const crashed = await collect(folder.path("after-crash.gz"));
    expect(crashed.frames).toEqual(frames.slice(0, 3000));
    expect(crashed.badLines).toEqual([]);
    expect(crashed.warnings).toEqual([expect.stringContaining("ends early")]);
    expect((await collect(open)).frames).toEqual(frames.slice(0, 4000));
  });

  it("drops and counts what finds no room, and marks the hole", async () => {
    const metrics = new Metrics();
    const recorder = new Recorder({ folder: folder.path("full"), maxBufferedBytes: 2_000, metrics });
    const frame = (index: number): Frame => ({
      text: String(index).padStart(100, "0"),
      receiveTime: 1e15 + index,
      origin: { socket: "m" },
    });
    for (let index = 0; index < 100; index++) recorder.frame("binance", frame(index));
    await recorder.flush();
    recorder.frame("binance", frame(100));
    await recorder.close();
    const { recorded, dropped } = recorder.counts;
    expect(recorded + dropped).toBe(101);
    expect(dropped).toBeGreaterThan(70);
    expect(await droppedOf(metrics)).toEqual({ buffer_full: dropped });
    const [file = ""] = filesOf("full");
    const lines = gunzipSync(readFileSync(file)).toString().trim().split("\n");
    expect(lines).toHaveLength(1 + recorded + 1);
    expect(lines.at(-2)).toBe(`# ${dropped} lines were dropped here`);
  });

  it("a disk that refuses costs frames, counted, and nothing else; when it is back, so is the recording", async () => {
    const metrics = new Metrics();
    writeFileSync(folder.path("in-the-way"), "");
    const recorder = new Recorder({ folder: folder.path("in-the-way/recorded"), metrics });
    const frame = (index: number): Frame => ({ text: "{}", receiveTime: 1e15 + index, origin: { socket: "m" } });
    recorder.frame("binance", frame(1));
    await recorder.flush();
    recorder.frame("binance", frame(2));
    await recorder.flush();
    expect(recorder.counts).toEqual({ recorded: 0, dropped: 2 });
    expect(await droppedOf(metrics)).toEqual({ disk: 2 });
    rmSync(folder.path("in-the-way"));
    recorder.frame("binance", frame(3));
    await recorder.close();
    recorder.frame("binance", frame(4));
    expect(await droppedOf(metrics)).toEqual({ disk: 2, closed: 1 });
    const [file = ""] = filesOf("in-the-way/recorded");
    expect((await collect(file)).frames).toEqual([{ venue: "binance", frame: frame(3) }]);
  });

  it("never writes into a file that is there already", async () => {
    mkdirSync(folder.path("twice"));
    const frame: Frame = { text: "{}", receiveTime: 1762795420000000, origin: { socket: "m" } };
    for (let run = 0; run < 3; run++) {
      const recorder = new Recorder({ folder: folder.path("twice") });
      recorder.frame("binance", frame);
      await recorder.close();
    }
    expect(filesOf("twice")).toHaveLength(3);
  });
});
