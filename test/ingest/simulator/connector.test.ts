import { afterEach, describe, expect, test } from "vitest";
import { createLogger } from "../../../infra/logging.js";
import { Metrics } from "../../../infra/metrics.js";
import { type Ingest, runIngest } from "../../../ingest/ingest.js";
import { Simulator } from "../../../ingest/simulator/server.js";
import { venueOf } from "../../../ingest/venues/index.js";
import type { DepthTick, RawTick, TradeTick } from "../../../schemas/ticks.js";
import { GatedLog } from "../gated-log.js";

/** The plant's own connector, unchanged, on a simulator: what it publishes must end as the exchange stands. */

let simulator: Simulator | undefined;
let ingest: Ingest | undefined;

afterEach(async () => {
  await ingest?.stop();
  await simulator?.stop();
});

const canonical = (text: string) => (text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text);

/** Follows the depth ticks of a log as any reader would. */
function bookOf(ticks: readonly RawTick[], symbol: string) {
  const bids = new Map<string, string>();
  const asks = new Map<string, string>();
  let live = false;
  let updateId = 0;
  for (const tick of ticks) {
    if (tick.kind !== "depth" || tick.symbol !== symbol) continue;
    if (tick.action === "gap") live = false;
    if (tick.action === "gap" || (tick.action === "increment" && !live)) continue;
    if (tick.action === "snapshot" && (tick.part ?? 0) === 0) {
      bids.clear();
      asks.clear();
      live = true;
    }
    updateId = tick.updateId;
    replace(bids, tick.bids);
    replace(asks, tick.asks);
  }
  return { live, updateId, bids, asks };
}

function replace(side: Map<string, string>, levels: DepthTick["bids"]): void {
  for (const [price, qty] of levels) {
    if (canonical(qty) === "0") side.delete(canonical(price));
    else side.set(canonical(price), canonical(qty));
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe.each([
  ["spot", "binance", "BTC/USDT"],
  ["usdm", "binanceusdm", "BTC/USDT:USDT"],
] as const)("the real connector on a %s simulator", (dialect, id, symbol) => {
  test("ends with its book and every trade once, after every fault in turn", async () => {
    simulator = await Simulator.start({
      dialect,
      seed: "connector",
      rate: 300,
      keepTrades: "all",
      symbols: ["BTC/USDT"],
    });
    const log = new GatedLog(1);
    ingest = runIngest({
      venues: [
        {
          venue: venueOf(id, { wsUrl: simulator.wsUrl, restUrl: simulator.url }),
          symbols: [symbol],
          kinds: ["trade", "quote", "ticker", "depth"],
        },
      ],
      log: log.port,
      schemaIds: { "market.raw": 7 },
      encodeDeadLetter: () => new Uint8Array(),
      metrics: new Metrics(),
      logger: createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "silent" }),
    });
    const live = () => bookOf(log.ticks(), symbol).live;
    const frames = async (count: number) => {
      const wanted = log.ticks().length + count;
      await until(() => log.ticks().length >= wanted);
    };
    await until(live);
    const firstTrade = () => log.ticks().find((tick) => tick.kind === "trade");
    await until(() => firstTrade() !== undefined);
    const firstId = Number((firstTrade() as TradeTick).tradeId);

    expect(await simulator.sequenceGap()).toBe(true);
    await until(() => log.ticks().some((tick) => tick.kind === "depth" && tick.reason === "sequence_gap"));
    await until(live);
    expect(await simulator.duplicate()).toBe(true);
    expect(await simulator.outOfOrder()).toBe(true);
    for (const form of ["not_json", "truncated", "wrong_shape"] as const) await simulator.garbage({ form });
    expect(await simulator.stall({ ms: 300, afterwards: "all" })).toBe(true);
    simulator.restError({ status: 500, count: 1 });
    expect(simulator.disconnect()).toBeGreaterThan(0);
    await frames(200);
    await until(live);
    expect(simulator.serverShutdown({ closeAfterMs: 1000 })).toBeGreaterThan(0);
    await until(() => simulator!.closed.serverShutdown !== undefined || simulator!.connections > 1);
    await frames(200);
    await until(live);

    simulator.pause();
    const book = simulator.book("BTCUSDT");
    await until(() => bookOf(log.ticks(), symbol).updateId === book.lastUpdateId);
    const held = bookOf(log.ticks(), symbol);
    const texts = (levels: [string, string][]) =>
      new Map(levels.map(([price, qty]) => [canonical(price), canonical(qty)]));
    expect(held.live).toBe(true);
    expect(held.bids).toEqual(texts(book.bids));
    expect(held.asks).toEqual(texts(book.asks));

    const all = dialect === "usdm" ? simulator.aggregateTrades("BTCUSDT") : simulator.trades("BTCUSDT");
    const expected = all.filter((trade) => trade.id >= firstId);
    const seen = () => {
      const trades = new Map<number, string>();
      for (const tick of log.ticks()) {
        if (tick.kind === "trade")
          trades.set(Number(tick.tradeId), `${canonical(tick.price)} ${canonical(tick.qty)} ${tick.side}`);
      }
      return trades;
    };
    await until(() => seen().size >= expected.length);
    for (const trade of expected) {
      expect(seen().get(trade.id)).toBe(`${canonical(trade.price)} ${canonical(trade.qty)} ${trade.side}`);
    }
  });
});
