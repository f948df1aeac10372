import { writeFileSync } from "node:fs";
import { PassThrough, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { parseSpeed, parseTime } from "../../../ingest/replay/replay-settings.js";
import { replayToPlant } from "../../../ingest/replay/replay-to-plant.js";
import { replayToStdout } from "../../../ingest/replay/replay-to-stdout.js";
import type { ReplayedOutput, TickTarget } from "../../../ingest/replay/tick-target.js";
import type { RawTick } from "../../../schemas/ticks.js";
import { recording } from "../../recordings.js";
import { temporaryFolder } from "./collected.js";

const folder = temporaryFolder();
const spot = { files: [recording("hftbacktest/spot/btcusdt_20240808.gz")], venue: "binance" };

/** Prints each trade, as a processor would. */
function tradesOnly(onOutput: (output: ReplayedOutput) => void): TickTarget {
  return {
    publish(tick: RawTick) {
      if (tick.kind !== "trade") return;
      onOutput({ topic: "market.trade", key: tick.symbol, json: JSON.stringify({ price: tick.price, qty: tick.qty }) });
    },
    end: () => onOutput({ topic: "end", key: 'a "key"', json: "{}" }),
  };
}

describe("replayToStdout", () => {
  it("prints a JSON line for each output, the same bytes each time", async () => {
    const texts: string[] = [];
    for (let run = 0; run < 2; run++) {
      const out = new PassThrough();
      const chunks: Buffer[] = [];
      out.on("data", (chunk: Buffer) => chunks.push(chunk));
      const report = await replayToStdout(spot, out, tradesOnly);
      expect(report.problemCount).toBe(0);
      texts.push(Buffer.concat(chunks).toString("utf8"));
    }
    expect(texts[0]).toBe(texts[1]);
    const lines = texts[0]!.split("\n");
    expect(lines.pop()).toBe("");
    expect(lines).toHaveLength(9757 + 1);
    expect(lines[0]).toBe(
      '{"topic":"market.trade","key":"BTC/USDT","value":{"price":"61837.63000000","qty":"0.02000000"}}',
    );
    expect(JSON.parse(lines.at(-1)!)).toEqual({ topic: "end", key: 'a "key"', value: {} });
  });

  it("reads no faster than its output is taken", async () => {
    let taken = 0;
    let most = 0;
    const out = new Writable({
      highWaterMark: 1024,
      write(chunk: Buffer, _encoding, done) {
        taken += chunk.length;
        most = Math.max(most, this.writableLength);
        setImmediate(done);
      },
    });
    await replayToStdout(spot, out, tradesOnly);
    expect(taken).toBeGreaterThan(500_000);
    expect(most).toBeLessThan(200_000);
  });

  it("ends quietly when the reader of the pipe goes away, and loudly when the disk is full", async () => {
    const failing = (code: string) =>
      new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })) });
    const report = await replayToStdout(spot, failing("EPIPE"), tradesOnly);
    expect(report.endTime).toBeUndefined();
    await expect(replayToStdout(spot, failing("ENOSPC"), tradesOnly)).rejects.toThrow("ENOSPC");
  });
});

describe("replayToPlant", () => {
  function collectingTarget() {
    const ticks: RawTick[] = [];
    const calls = { room: 0, end: 0 };
    const target: TickTarget = {
      publish: (tick) => ticks.push(tick),
      async room() {
        calls.room += 1;
      },
      end() {
        calls.end += 1;
      },
    };
    return { ticks, calls, target };
  }

  it("publishes everything and asks for room on the way", async () => {
    const { ticks, calls, target } = collectingTarget();
    const report = await replayToPlant(spot, target);
    expect(ticks.filter(({ kind }) => kind !== "heartbeat")).toHaveLength(report.ticks);
    expect(ticks.at(-1)).toMatchObject({ kind: "heartbeat", end: true });
    expect(calls.end).toBe(1);
    expect(calls.room).toBeGreaterThan(ticks.length / 600);
  });

  it("publishes nothing into a plant that is not empty", async () => {
    const { ticks, target } = collectingTarget();
    const requireEmpty = () => Promise.reject(new Error("not empty"));
    await expect(replayToPlant({ ...spot, requireEmpty }, target)).rejects.toThrow("not empty");
    expect(ticks).toEqual([]);
  });

  it("--speed 10 lets a tenth of the recorded time pass between ticks, with every heartbeat", async () => {
    const file = folder.path("ticks.ndjson");
    const trade = (ms: number) =>
      JSON.stringify({
        kind: "trade",
        exchange: "kraken",
        symbol: "BTC/USDT",
        price: "1",
        qty: "1",
        side: "buy",
        receive_time: 1762795420_000000 + ms * 1000,
      });
    writeFileSync(file, [0, 3, 1000, 5000].map(trade).join("\n"));
    const { ticks, target } = collectingTarget();
    let now = 0;
    const at: number[] = [];
    const wall = {
      now: () => now,
      async pause(ms: number) {
        now += ms;
      },
    };
    const publish = target.publish;
    target.publish = (tick) => {
      if (tick.kind === "trade") at.push(Math.round(now));
      return publish(tick);
    };
    await replayToPlant({ files: [file], speed: 10, wall }, target);
    expect(at).toEqual([0, 0, 100, 500]);
    expect(now).toBeCloseTo(500);
    expect(ticks.filter(({ kind }) => kind === "heartbeat")).toHaveLength(1 + 20 + 1);
  });

  it("can be stopped, and then writes no end record", async () => {
    const { ticks, calls, target } = collectingTarget();
    const abort = new AbortController();
    const publish = target.publish;
    target.publish = (tick) => {
      if (ticks.length === 1000) abort.abort();
      return publish(tick);
    };
    await replayToPlant({ ...spot, signal: abort.signal }, target);
    expect(ticks).toHaveLength(1001);
    expect(calls.end).toBe(0);
  });

  it.each([0, -1, Number.NaN])("refuses speed %s", async (speed) => {
    const { target } = collectingTarget();
    await expect(replayToPlant({ ...spot, speed }, target)).rejects.toMatchObject({ code: "TP_REPLAY_SETTING" });
  });
});

describe("settings as text", () => {
  it.each([
    ["1723161904535092", 1723161904535092],
    ["2024-08-09", Date.UTC(2024, 7, 9) * 1000],
    ["2024-08-09T00:05", Date.UTC(2024, 7, 9, 0, 5) * 1000],
    ["2024-08-09 00:05:04.535092", Date.UTC(2024, 7, 9, 0, 5, 4) * 1000 + 535092],
    ["2024-08-09T00:05:04.5Z", Date.UTC(2024, 7, 9, 0, 5, 4) * 1000 + 500000],
    ["2024-08-09T02:05:00+02:00", Date.UTC(2024, 7, 9, 0, 5) * 1000],
  ])("%s is a time", (text, time) => {
    expect(parseTime(text)).toBe(time);
  });

  it.each(["", "tomorrow", "1723161904", "2024-13-01", "2024-08-09T25:00"])("%j is none", (text) => {
    expect(() => parseTime(text)).toThrow("expected a time");
  });

  it("a speed is a number above 0, or max", () => {
    expect([parseSpeed("1"), parseSpeed("10"), parseSpeed("0.5"), parseSpeed("max")]).toEqual([1, 10, 0.5, "max"]);
    for (const text of ["0", "-1", "fast", "1e3", ""]) expect(() => parseSpeed(text)).toThrow("--speed");
  });
});
