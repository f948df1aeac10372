import { afterEach, describe, expect, it } from "vitest";
import type { DepthTick } from "../../schemas/ticks.js";
import { liveRig, partitions, until } from "./live-rig.js";

type Rig = Awaited<ReturnType<typeof liveRig>>;
let rig: Rig | undefined;

afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

async function ready(...given: Parameters<typeof liveRig>): Promise<Rig> {
  const made = await liveRig(...given);
  rig = made;
  await until(() => made.ingest.isReady, "ready");
  for (const symbol of made.symbols) await until(async () => (await made.tradesOf(symbol)).length > 5, "trades flow");
  return made;
}

/** Reasons of the gaps that follow the one with which every session begins. */
const gapsOf = (depth: readonly DepthTick[]) => {
  const [start, ...gaps] = depth.filter((tick) => tick.action === "gap").map((tick) => tick.reason);
  expect(start).toBe("session_start");
  return gaps;
};

describe.each(["spot", "usdm"] as const)("ingest of a %s venue", (dialect) => {
  it("brings its books, trades and instruments into the log, as the venue has them", async () => {
    const { symbols, settled, ticks, depthOf, ingest, deadLetters } = await ready({ dialect });
    await settled();
    const all = await ticks();
    for (const symbol of symbols) {
      expect(all.find((tick) => tick.symbol === symbol)?.kind).toBe("instrument");
      expect(gapsOf(await depthOf(symbol))).toEqual([]);
    }
    const kinds = new Set(all.map((tick) => tick.kind));
    expect(kinds).toEqual(new Set(["instrument", "trade", "quote", "ticker", "depth", "heartbeat"]));
    const beats = all.filter((tick) => tick.kind === "heartbeat");
    expect(beats.length).toBeGreaterThan(partitions);
    expect(beats.at(-1)?.feeds).toEqual(ingest.feeds());
    expect(ingest.feeds().every((feed) => feed.connected)).toBe(true);
    expect(await deadLetters()).toEqual([]);
  });

  it("a missing depth update: the gap stands in the log, then a fresh snapshot", async () => {
    const { simulator, settled, depthOf } = await ready({ dialect });
    const symbol = rig!.symbols[0]!;
    expect(await simulator.sequenceGap({ symbol: "BTCUSDT" })).toBe(true);
    await until(async () => gapsOf(await depthOf(symbol)).length === 1, "a gap");
    await settled();
    expect(gapsOf(await depthOf(symbol))).toEqual(["sequence_gap"]);
    expect(gapsOf(await depthOf(rig!.symbols[1]!))).toEqual([]);
  });

  it("a disconnect: gap, snapshot, and the missed trades are back-filled and marked", async () => {
    const { simulator, settled, depthOf, symbols, tradesOf, dropped } = await ready(
      { dialect, rate: 400 },
      { connection: { backoff: { baseMs: 600, capMs: 600 }, overlapMs: 300 } },
    );
    const before = (await tradesOf(symbols[0]!)).length;
    expect(simulator.disconnect()).toBe(1);
    await until(async () => (await tradesOf(symbols[0]!)).length > before + 200, "trades go on");
    await settled();
    for (const symbol of symbols) expect(gapsOf(await depthOf(symbol))).toEqual(["reconnect"]);
    expect(await dropped("ingest", "disconnect")).toBe(1);
    expect(await dropped("backfill", "not_at_venue")).toBe(0);
  });

  it("a server's shutdown: a new connection takes over before the old one ends, nothing is missed", async () => {
    const { simulator, settled, depthOf, symbols, dropped } = await ready({ dialect });
    expect(simulator.serverShutdown({ closeAfterMs: 1_500 })).toBe(1);
    await until(() => simulator.connections === 2, "two connections");
    await until(() => simulator.connections === 1, "one connection");
    await settled();
    for (const symbol of symbols) expect(gapsOf(await depthOf(symbol))).toEqual([]);
    expect(await dropped("ingest", "server_shutdown")).toBe(1);
    expect(await dropped("ingest", "disconnect")).toBe(0);
  });

  it("garbage goes to the dead letters with its bytes, and nothing stops", async () => {
    const { simulator, settled, depthOf, symbols, deadLetters } = await ready({ dialect });
    for (const form of ["not_json", "truncated", "wrong_shape"] as const) {
      expect(await simulator.garbage({ form })).toBe(true);
    }
    await until(async () => (await deadLetters()).length === 3, "three dead letters");
    for (const letter of await deadLetters()) {
      expect(letter).toMatchObject({ reason: "unreadable_frame", partition: -1, offset: -1 });
      expect(letter.original.length).toBeGreaterThan(3);
    }
    await settled();
    for (const symbol of symbols) expect(gapsOf(await depthOf(symbol))).toEqual([]);
  });

  it("duplicates and frames out of order: the book recovers, no trade is missing", async () => {
    const { simulator, settled } = await ready({ dialect });
    await simulator.duplicate({ kind: "trade" });
    await simulator.duplicate({ kind: "depth" });
    await simulator.outOfOrder({ kind: "depth" });
    await simulator.outOfOrder({ kind: "trade" });
    await settled();
  });

  it("a stall that loses frames: books resynchronise and the missed trades are back-filled", async () => {
    const { simulator, settled, symbols, tradesOf } = await ready({ dialect, rate: 400 });
    expect(await simulator.stall({ ms: 500, afterwards: "none" })).toBe(true);
    for (const symbol of symbols) {
      await until(async () => (await tradesOf(symbol)).some((trade) => trade.backfilled), "back-filled trades");
    }
    await until(() => rig!.ingest.isReady, "ready again");
    await settled();
    expect((await tradesOf(symbols[0]!)).filter((trade) => trade.backfilled).length).toBeGreaterThan(5);
  });
});

describe("ingest", () => {
  it("waits for a venue whose REST fails, and says meanwhile that the feed is down", async () => {
    rig = await liveRig({}, { rest: { retries: 0 } });
    rig.simulator.restError({ status: 503, count: 2 });
    expect(rig.ingest.feeds()).toMatchObject([{ exchange: "binance", connected: false }]);
    await until(() => rig!.ingest.isReady, "ready");
    for (const symbol of rig.symbols) await until(async () => (await rig!.tradesOf(symbol)).length > 5, "trades flow");
    await rig.settled();
  });

  it("snapshots books again without a gap, and they stay right", async () => {
    const { settled, depthOf, symbols } = await ready({ rate: 500 }, { resnapshotMinutes: 0.005 });
    const snapshots = async () => (await depthOf(symbols[0]!)).filter((tick) => tick.action === "snapshot");
    await until(async () => (await snapshots()).length >= 5, "five snapshots");
    await settled();
    expect(gapsOf(await depthOf(symbols[0]!))).toEqual([]);
    const ids = (await depthOf(symbols[0]!)).map((tick) => tick.updateId);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
  });

  it("a log that hangs: ticks are dropped and counted, then books resynchronise and the trades are back-filled", async () => {
    const made = await ready({ rate: 400 }, { publisher: { maxTicks: 100 } });
    const { hang, goOn, settled, symbols, dropped, depthOf, ingest, tradesOf } = made;
    hang();
    await until(async () => (await dropped("publisher", "buffer_full_trade")) > 20, "trades are dropped");
    await until(async () => (await dropped("publisher", "buffer_full_depth")) > 5, "depth is dropped");
    goOn();
    for (const symbol of symbols) {
      await until(async () => (await tradesOf(symbol)).some((trade) => trade.backfilled), "back-filled trades");
    }
    await until(() => ingest.isReady, "ready again");
    await settled();
    for (const symbol of symbols) expect(gapsOf(await depthOf(symbol))).toContain("dropped");
    expect(await dropped("backfill", "not_at_venue")).toBe(0);
  });

  it("shows every frame to the recorder, REST answers too", async () => {
    const urls: string[] = [];
    let frames = 0;
    const onFrame = (_: string, frame: { origin: { url: string } | { socket: string } }) => {
      if ("url" in frame.origin) urls.push(frame.origin.url);
      else frames += 1;
    };
    await ready({}, { onFrame });
    expect(frames).toBeGreaterThan(10);
    expect(urls.some((url) => url.includes("exchangeInfo"))).toBe(true);
    expect(urls.filter((url) => url.includes("/depth?")).length).toBeGreaterThanOrEqual(2);
  });
});

describe.each(["spot", "usdm", "okx", "kraken"] as const)("every fault at once, %s", (dialect) => {
  const seconds = Number(process.env.TICKPLANT_FAULT_SECONDS ?? 5);

  it("ends with books and trades equal to the venue's, every fault counted", async () => {
    // So many snapshots a minute no venue would give: its limit is raised, not ignored.
    const weightLimit = 1_000_000;
    // Kraken's checksum is of ten levels: beyond them what the simulator spoils would not be seen.
    const depth = dialect === "kraken" ? { bookDepth: 10 } : {};
    const made = await ready({ dialect, rate: 400, weightLimit }, {}, { weightLimit, ...depth });
    const { simulator, symbols, settled, tradesOf, deadLetters, dropped, ingest, depthOf } = made;
    const end = Date.now() + seconds * 1_000;
    const pending: Promise<unknown>[] = [];
    for (let round = 0; Date.now() < end; round++) {
      const symbol = ["BTC/USDT", "ETH/USDT"][round % 2]!;
      pending.push(
        simulator.sequenceGap({ symbol }),
        simulator.duplicate({ symbol }),
        simulator.duplicate({ symbol, kind: "depth" }),
        simulator.outOfOrder({ symbol }),
        simulator.outOfOrder({ symbol, kind: "trade" }),
        simulator.garbage({ symbol }),
      );
      if (round % 4 === 1)
        pending.push(simulator.stall({ symbol, ms: 200, afterwards: round % 8 === 1 ? "none" : "all" }));
      if (round % 5 === 2) simulator.disconnect();
      if (round % 5 === 4) simulator.serverShutdown({ closeAfterMs: 100 });
      if (round % 3 === 2) simulator.restError({ status: 503, count: 2 });
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    await Promise.all(pending);
    await until(() => ingest.isReady, "ready again");
    const now = await Promise.all(symbols.map((symbol) => tradesOf(symbol)));
    for (const [i, symbol] of symbols.entries()) {
      const last = Number(now[i]!.at(-1)!.tradeId);
      const later = async () =>
        (await tradesOf(symbol)).some((trade) => Number(trade.tradeId) > last + 5 && !trade.backfilled);
      await until(later, "trades go on");
    }
    await settled();
    // A broken frame that is on its way when its connection is cut never comes.
    expect((await deadLetters()).length).toBeGreaterThan(simulator.faults().garbage / 2);
    // Kraken closes without a word.
    if (dialect !== "kraken") expect(await dropped("ingest", "server_shutdown")).toBeGreaterThan(0);
    expect(await dropped("ingest", "disconnect")).toBeGreaterThan(0);
    expect(await dropped("backfill", "not_at_venue")).toBe(0);
    const gaps = (await Promise.all(symbols.map(depthOf))).flatMap(gapsOf);
    expect(gaps.length).toBeGreaterThan(0);
  });
});
