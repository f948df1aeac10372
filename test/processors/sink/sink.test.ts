import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EmbeddedLog } from "../../../infra/log/embedded-log.js";
import { Metrics } from "../../../infra/metrics.js";
import { type StoredTopic, storedTopics } from "../../../infra/store/store.js";
import { runSink, type Sink, type SinkSettings } from "../../../processors/sink/sink.js";
import { type Codecs, openCodecs } from "../../../schemas/codec.js";
import { EmbeddedRegistry } from "../../../schemas/embedded-registry.js";
import type { Trade } from "../../../schemas/messages.js";
import { kline, start, trade } from "../../conformance/store-contract.js";
import { type EmbeddedStore, openEmbeddedStore, quiet } from "../../infra/store/embedded-store.js";

const partitions = 3;
let opened: EmbeddedStore;
let folder: string;
let log: EmbeddedLog;
let codecs: Codecs;
let metrics: Metrics;
let sinks: Sink[];

beforeEach(async () => {
  opened = await openEmbeddedStore();
  await opened.store.migrate();
  folder = await mkdtemp(join(tmpdir(), "tickplant-sink-"));
  log = await EmbeddedLog.open({ folder, logger: quiet });
  await log.createTopics(storedTopics.map((name) => ({ name, partitions, cleanup: "delete" })));
  codecs = await openCodecs(new EmbeddedRegistry());
  metrics = new Metrics();
  sinks = [];
});

afterEach(async () => {
  for (const sink of sinks) await sink.stop();
  await log.close();
  await opened.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(settings: Partial<SinkSettings> = {}): Promise<Sink> {
  const ports = { log, store: opened.store, codecs, metrics, logger: quiet };
  const sink = await runSink({ ...ports, settings: { ms: 50, ...settings } });
  sinks.push(sink);
  return sink;
}

async function append(topic: StoredTopic, values: readonly Uint8Array[], from = 0): Promise<void> {
  await log.append(
    values.map((value, index) => ({
      topic,
      partition: (from + index) % partitions,
      key: null,
      value,
      timestamp: start,
    })),
  );
}

function trades(count: number, from = 1): Trade[] {
  return Array.from({ length: count }, (_, index) => trade("sink", from + index));
}

const encoded = (list: readonly Trade[]): Uint8Array[] => list.map((one) => codecs["market.trade"].encode(one));

/** Resolves when the group's offsets have reached the topic's ends. */
async function committed(topic: StoredTopic, sink: Sink): Promise<void> {
  for (let partition = 0; partition < partitions; partition += 1) {
    for (;;) {
      const { end } = await log.offsets(topic, partition);
      if (((await log.committed("sink", topic, partition)) ?? 0) >= end) break;
      await Promise.race([sink.failed, new Promise((resolve) => setTimeout(resolve, 10))]);
    }
  }
}

const stored = (): Promise<Trade[]> => opened.store.trades({ exchange: "sink", symbol: "BTC/USDT", limit: 1_000_000 });

async function counted(topic: string, reason: string): Promise<number> {
  const { values } = await metrics.deadLetters.get();
  return values.find(({ labels }) => labels.topic === topic && labels.reason === reason)?.value ?? 0;
}

describe("sink", () => {
  it("stores every message of its topics and commits behind them", async () => {
    const list = trades(5000);
    await append("market.trade", encoded(list));
    await append("market.kline", [codecs["market.kline"].encode(kline("sink"))]);
    const sink = await open({ rows: 700 });
    await committed("market.trade", sink);
    await committed("market.kline", sink);
    expect(await stored()).toEqual(list);
    const klines = await opened.store.klines({ exchange: "sink", symbol: "BTC/USDT", interval: "1m", limit: 10 });
    expect(klines).toEqual([kline("sink")]);
  });

  it("what arrives later is stored after the set time, without a full batch", async () => {
    const sink = await open({ ms: 20 });
    await append("market.trade", encoded(trades(3)));
    await committed("market.trade", sink);
    expect(await stored()).toEqual(trades(3));
  });

  it("a stop stores what has gathered, and the next sink goes on behind it", async () => {
    const first = await open({ ms: 60_000 });
    const reached = new Promise<void>((resolve) => {
      const timer = setInterval(async () => {
        const seen = await metrics.consumerProcessing.get();
        if (seen.values.some(({ metricName, value }) => metricName?.endsWith("_count") && value >= partitions)) {
          clearInterval(timer);
          resolve();
        }
      }, 5);
    });
    await append("market.trade", encoded(trades(99)));
    await reached;
    await first.stop();
    expect(await stored()).toEqual(trades(99));
    const second = await open();
    await append("market.trade", encoded(trades(3, 100)));
    await committed("market.trade", second);
    expect(await stored()).toEqual(trades(102));
  });

  it("records read again after a crash, in other batches, are not doubled", async () => {
    await append("market.trade", encoded(trades(1000)));
    const first = await open({ rows: 300 });
    await committed("market.trade", first);
    await first.stop();
    for (let partition = 0; partition < partitions; partition += 1) {
      await log.commit("sink", "market.trade", partition, partition * 50);
    }
    const second = await open({ rows: 77 });
    await committed("market.trade", second);
    expect(await stored()).toEqual(trades(1000));
  });

  it("bytes that are no message and values that do not fit become dead letters, the others are stored", async () => {
    const list = trades(1000);
    const values = encoded(list);
    const unreadable = Buffer.from("no message at all");
    const unfit = codecs["market.trade"].encode(trade("sink", 500, { price: `1.${"3".repeat(25)}` }));
    const noSide = codecs["market.trade"].encode(trade("sink", 2));
    values.splice(10, 1, unreadable);
    values.splice(499, 1, unfit);
    await append("market.trade", [...values, noSide]);
    const sink = await open();
    await committed("market.trade", sink);
    expect(await stored()).toEqual(list.filter(({ sequence_num }) => sequence_num !== 11 && sequence_num !== 500));
    const letters = await opened.store.query<{ reason: string; original: string; partition: number; offset: number }>(
      "SELECT reason, hex(original) AS original, partition, offset FROM dead_letters ORDER BY reason",
    );
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex").toUpperCase();
    expect(letters).toEqual([
      { reason: "unreadable", original: hex(unreadable), partition: 10 % partitions, offset: 3 },
      { reason: "unstorable", original: hex(unfit), partition: 499 % partitions, offset: 166 },
    ]);
    expect(await counted("market.trade", "unreadable")).toBe(1);
    expect(await counted("market.trade", "unstorable")).toBe(1);
  });

  it("while the store is away nothing is committed, a stop does not hang, and the next sink stores all", async () => {
    await append("market.trade", encoded(trades(2000)));
    await opened.server.stop();
    const first = await open({ rows: 100, stopMs: 200 });
    await append("market.trade", encoded(trades(100, 2001)), 2000);
    await first.stop();
    expect(await log.committed("sink", "market.trade", 0)).toBeUndefined();
    const again = await openEmbeddedStore();
    await again.store.migrate();
    await opened.close();
    opened = again;
    const second = await open();
    await committed("market.trade", second);
    expect(await stored()).toEqual(trades(2100));
  });

  it("chDB killed again and again while rows arrive: it restarts, nothing is lost or doubled", async () => {
    const sink = await open({ rows: 500, ms: 20 });
    const list = trades(20_000);
    const values = encoded(list);
    for (let at = 0, kills = 0; at < values.length; at += 1000) {
      await append("market.trade", values.slice(at, at + 1000), at);
      if (at % 4000 !== 2000) continue;
      const { pid } = opened.server;
      if (pid === undefined) continue;
      process.kill(pid, "SIGKILL");
      kills += 1;
      while (opened.server.pid === pid || !(await opened.store.ping())) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(kills).toBeGreaterThan(0);
    }
    await committed("market.trade", sink);
    expect(await stored()).toEqual(list);
    expect(opened.server.restarted).toBeGreaterThanOrEqual(3);
  });
});
