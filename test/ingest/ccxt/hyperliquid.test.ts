import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import type { DepthTick, TradeTick } from "../../../schemas/ticks.js";
import { recording } from "../../recordings.js";
import { bookOf } from "../live-rig.js";
import { digits } from "./cryptofeed.js";
import { market, recordedExchange } from "./recorded-exchange.js";
import { plain, sorted } from "./truth.js";

const swap = market("0", "BTC/USDC:USDC", { baseName: "BTC", baseId: "0" });
const spot = market("@107", "HYPE/USDC", { baseName: "HYPE" });

/** What is sent for the books of these markets. */
async function asked(markets: readonly ReturnType<typeof market>[], settings: Readonly<Record<string, unknown>> = {}) {
  const sent: unknown[] = [];
  const answer = (text: string) => {
    sent.push((JSON.parse(text) as { subscription?: unknown }).subscription);
    return [];
  };
  const exchange = await recordedExchange({ id: "hyperliquid", markets, kinds: ["depth"], settings, answer });
  await exchange.stop();
  return sent;
}

it("Hyperliquid's books are asked for as fast ones, of contracts and spot; as slow ones where more levels are wanted", async () => {
  expect(await asked([swap])).toEqual([{ type: "l2Book", coin: "BTC", fast: true }]);
  expect(await asked([spot])).toEqual([{ type: "l2Book", coin: "@107", fast: true }]);
  expect(await asked([swap], { snapshotLevels: 5 })).toEqual([{ type: "l2Book", coin: "BTC", fast: true }]);
  expect(await asked([swap], { snapshotLevels: 20 })).toEqual([{ type: "l2Book", coin: "BTC" }]);
});

it("recorded frames of Hyperliquid give its own books and each fill once", async () => {
  const exchange = await recordedExchange({ id: "hyperliquid", markets: [swap], kinds: ["trade", "depth"] });
  const lines = gunzipSync(readFileSync(recording("hftbacktest/hyperliquid/btcusd_20250126.gz")))
    .toString()
    .split("\n");
  const fills: string[] = [];
  let book: { px: string; sz: string }[][] = [];
  for (const line of lines.filter((one) => one !== "")) {
    const text = line.slice(line.indexOf(" ") + 1);
    // biome-ignore lint/suspicious/noExplicitAny: a frame
    const { channel, data } = digits(text) as any;
    if (channel === "l2Book") book = data.levels;
    if (channel === "trades")
      for (const { tid, px, sz, side } of data)
        fills.push([tid, plain(px), plain(sz), side === "B" ? "buy" : "sell"].join(" "));
    await exchange.feed(text, Math.floor(Number(line.slice(0, 16))));
    const { bids, asks, live } = bookOf(exchange.ticks.filter((tick): tick is DepthTick => tick.kind === "depth"));
    if (channel !== "l2Book") continue;
    expect(live).toBe(true);
    const side = (at: number) => sorted(new Map(book[at]!.map(({ px, sz }) => [px, sz])));
    expect({ bids: sorted(bids), asks: sorted(asks) }).toEqual({ bids: side(0), asks: side(1) });
  }
  await exchange.stop();
  const trades = exchange.ticks.filter((tick): tick is TradeTick => tick.kind === "trade");
  const rows = trades.map(({ tradeId, price, qty, side }) => [tradeId, plain(price), plain(qty), side].join(" "));
  expect(rows.sort()).toEqual([...new Set(fills)].sort());
  expect(rows.length).toBeGreaterThan(8);
});
