import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultSettings } from "../../processors/settings.js";
import type { Kline } from "../../schemas/messages.js";
import { recording } from "../recordings.js";
import { bruteCandles, newest, type PlainTrade, plainOf } from "./brute-candles.js";
import { big, canonical } from "./exact.js";
import { csvOf, linesOf, messagesOf, replayed, seldom } from "./raw-recording.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tickplant-klines-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MINUTE = 60_000_000;
const lengths: Readonly<Record<string, number>> = {
  "1m": MINUTE,
  "5m": 5 * MINUTE,
  "15m": 15 * MINUTE,
  "1h": 60 * MINUTE,
  "4h": 240 * MINUTE,
  "1d": 1440 * MINUTE,
};

const json = (name: string) => JSON.parse(gunzipSync(readFileSync(recording(name))).toString("utf8"));

/** Replays trades as people bring them: a JSON line each. */
async function klinesOf(exchange: string, symbol: string, trades: readonly PlainTrade[]): Promise<Kline[]> {
  const file = join(folder, `${exchange}.ndjson`);
  const lines = trades.map(({ time, id, price, qty, buy }) =>
    JSON.stringify({
      ...{ kind: "trade", exchange, symbol, trade_id: String(id), price, qty },
      ...{ side: buy ? "buy" : "sell", exchange_time: time, receive_time: time },
    }),
  );
  writeFileSync(file, `${lines.join("\n")}\n`);
  const { outputs, refused } = await replayed({ files: [file], format: "ticks" }, ["market.kline"], seldom);
  expect(refused).toEqual([]);
  return messagesOf(outputs, "market.kline");
}

describe("Kraken's own candles", () => {
  test("equal those of its trades: all 127 with trades, all 66 without", async () => {
    // [price, volume, time in seconds, side, type, misc, id]
    type Row = [string, string, number, "b" | "s", string, string, number];
    const rows: Row[] = json("nautilus_trader/kraken/http_trades.part.json.gz").result.XBTUSDT;
    const trades = rows.map(([price, qty, seconds, side, , , id]): PlainTrade => {
      return { time: Math.floor(seconds * 1e6), id, price, qty, buy: side === "b" };
    });
    const klines = await klinesOf("kraken", "BTC/USDT", trades);
    const ours = newest(klines, "kraken", "1m");
    // [seconds, open, high, low, close, vwap, volume, count]
    type Bar = [number, string, string, string, string, string, string, number];
    const bars: Bar[] = json("nautilus_trader/kraken/http_ohlc.part.json.gz").result.XBTUSDT;
    // the trades begin within a minute and end in one, which the candles go beyond
    const first = trades[0]!.time - (trades[0]!.time % MINUTE) + MINUTE;
    const last = trades.at(-1)!.time;
    const counted = bars.filter(([seconds]) => seconds * 1e6 >= first && seconds * 1e6 <= last);
    expect(counted.filter((bar) => bar[7] > 0)).toHaveLength(127);
    expect(counted.filter((bar) => bar[7] === 0)).toHaveLength(66);
    for (const [seconds, open, high, low, close, vwap, volume, count] of counted) {
      const kline = ours.get(seconds * 1e6)!;
      expect(kline).toMatchObject({
        open: canonical(open),
        high: canonical(high),
        low: canonical(low),
        close: canonical(close),
        volume: canonical(volume),
        trade_count: count,
        is_closed: true,
      });
      if (count === 0) continue;
      // Kraken's vwap has one decimal
      const distance = big(vwap) * big(kline.volume) - big(kline.quote_volume) * big("1");
      expect(distance < 0n ? -distance : distance).toBeLessThanOrEqual(big("0.1") * big(kline.volume));
    }
  });
});

describe("freqtrade's candles of Binance's XRP/ETH", () => {
  interface AggTrade {
    readonly info: {
      readonly a: number;
      readonly p: string;
      readonly q: string;
      readonly T: number;
      readonly m: boolean;
    };
  }
  test("equal those of the same trades, 1m and 5m", async () => {
    const rows: AggTrade[] = json("freqtrade/XRP_ETH-aggTrades-raw.json.gz");
    const trades = rows.map(({ info }): PlainTrade => {
      return { time: info.T * 1000, id: info.a, price: info.p, qty: info.q, buy: !info.m };
    });
    const klines = await klinesOf("binance", "XRP/ETH", trades);
    for (const interval of ["1m", "5m"]) {
      const ours = newest(klines, "binance", interval);
      const bars = csvOf(`freqtrade/XRP_ETH-${interval}.csv.gz`);
      expect(bars.length).toBeGreaterThan(700);
      const withTrades = [...ours.values()].filter(({ trade_count }) => trade_count > 0);
      expect(withTrades).toHaveLength(bars.length);
      for (const { date, open, high, low, close, volume } of bars) {
        expect(ours.get(Number(date) * 1000)).toMatchObject({
          open: canonical(open!),
          high: canonical(high!),
          low: canonical(low!),
          close: canonical(close!),
          volume: canonical(volume!),
        });
      }
    }
  });
});

const hftbacktest = [
  { venue: "binance", symbol: "BTC/USDT", files: ["spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz"] },
  { venue: "binanceusdm", symbol: "BTC/USDT:USDT", files: ["usdm/btcusdt_20240808.gz"] },
  {
    venue: "binanceusdm",
    symbol: "ETH/USDT:USDT",
    files: ["history/usdm_ethusdt_20240718.gz", "history/usdm_ethusdt_20240719.gz"],
  },
];

describe.each(hftbacktest)("$venue $symbol", ({ venue, files }) => {
  test("candles in all intervals equal those of the raw file's trades, the aggregate's too", async () => {
    const trades: PlainTrade[] = [];
    for (const line of files.flatMap((file) => linesOf(`hftbacktest/${file}`))) {
      if (!line.includes('"e":"trade"')) continue;
      const { T, t, p, q, m } = JSON.parse(line.slice(line.indexOf(" ") + 1)).data;
      trades.push({ time: T * 1000, id: t, price: p, qty: q, buy: !m });
    }
    const paths = files.map((file) => recording(`hftbacktest/${file}`));
    const { outputs } = await replayed({ files: paths, format: "hftbacktest", venue }, ["market.kline"], seldom);
    const klines = messagesOf(outputs, "market.kline");
    for (const interval of defaultSettings.klineIntervals) {
      const length = lengths[interval]!;
      const expected = [...bruteCandles(trades, (time) => time - (time % length)).values()];
      for (const exchange of [venue, "aggregate"]) {
        const ours = [...newest(klines, exchange, interval).values()];
        expect(ours.map(plainOf)).toEqual(expected);
      }
    }
  });
});
