import { describe, expect, test } from "vitest";
import { Candle } from "../../processors/candles/candle.js";
import { interval } from "../../schemas/kline-intervals.js";
import { decimalsOf, formatUnits, parseUnits } from "../../schemas/units.js";
import { canonical } from "./exact.js";
import { csvOf, linesOf } from "./raw-recording.js";

interface Bar {
  /** µs */
  readonly openTime: number;
  readonly prices: readonly string[];
  readonly volume: string;
  /** Quote volume, count, taker's base and quote volume, where the file has them. */
  readonly more?: readonly string[];
}

const SCALE = 8;
const units = (text: string) => parseUnits(text, SCALE);
const text = (value: number | bigint) => formatUnits(value, SCALE);

/** A shorter candle as the plant holds it when it is closed. */
function candleOf({ openTime, prices, volume, more = ["0", "1", "0", "0"] }: Bar): Candle {
  const candle = new Candle(openTime);
  [candle.open, candle.high, candle.low, candle.close] = prices.map(units) as [number, number, number, number];
  candle.openedAt = openTime;
  candle.closedAt = openTime;
  candle.volume = units(volume);
  candle.quoteVolume = units(more[0]!);
  candle.count = Number(more[1]);
  candle.buyVolume = units(more[2]!);
  candle.buyQuoteVolume = units(more[3]!);
  return candle;
}

/** The longer candles that the plant makes of shorter ones. */
function rolledUp(bars: readonly Bar[], name: string): Map<number, Candle> {
  const longer = new Map<number, Candle>();
  for (const bar of bars) {
    const openTime = interval(name).openTime(bar.openTime);
    let candle = longer.get(openTime);
    if (candle === undefined) {
      candle = new Candle(openTime);
      longer.set(openTime, candle);
    }
    candle.merge(candleOf(bar));
  }
  return longer;
}

function expectAll(longer: ReadonlyMap<number, Candle>, bars: readonly Bar[]): void {
  expect(bars.length).toBeGreaterThan(0);
  expect(longer.size).toBe(bars.length);
  for (const { openTime, prices, volume, more } of bars) {
    const candle = longer.get(openTime)!;
    expect([candle.open, candle.high, candle.low, candle.close].map(text)).toEqual(prices.map(canonical));
    expect(text(candle.volume)).toBe(canonical(volume));
    if (more === undefined) continue;
    const { quoteVolume, count, buyVolume, buyQuoteVolume } = candle;
    expect([text(quoteVolume), String(count), text(buyVolume), text(buyQuoteVolume)]).toEqual(more.map(canonical));
  }
}

/** 2024-01-01T00:00:00.000, 2024-01-01 00:00:00 or 2024-01-01: UTC. */
const micros = (time: string) => Date.parse(`${time.replace(" ", "T")}${time.length > 10 ? "Z" : ""}`) * 1000;

/** The files went through doubles ("418.46299999999997"): the value is what 15 digits say. */
const value = (written: string) => canonical(Number(written).toPrecision(15));

function qubx(file: string): Bar[] {
  return csvOf(`qubx/rollup/${file}.csv.gz`).map((row) => ({
    openTime: micros((row.time ?? row.timestamp)!),
    prices: [row.open!, row.high!, row.low!, row.close!].map(value),
    volume: value(row.volume!),
    ...(row.quote_volume !== undefined && {
      more: [row.quote_volume, row.count!, row.taker_buy_volume!, row.taker_buy_quote_volume!].map(value),
    }),
  }));
}

function lean(length: string, day: string): Bar[] {
  const midnight = micros(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`);
  return linesOf(`quantconnect-lean/crypto/coinbase/${length}/btcusd/${day}_trade.csv.gz`).map((line) => {
    const [millis, open, high, low, close, volume] = line.trimEnd().split(",");
    return { openTime: midnight + Number(millis) * 1000, prices: [open!, high!, low!, close!], volume: volume! };
  });
}

describe("rolling up", () => {
  test("Binance's 1m makes its 5m", () => {
    const minutes = qubx("BTCUSDT.1min");
    expect(minutes.length).toBeGreaterThan(65_000);
    expectAll(rolledUp(minutes, "5m"), qubx("BTCUSDT.5min"));
  });

  test.each(["AAVEUSDT", "BTCUSDT", "ETHUSDT"])(
    "%s: 1h makes 1d, with quote volume, count and taker volumes",
    (name) => {
      const days = qubx(`${name}.1D`);
      const end = interval("1d").nextOpen(days.at(-1)!.openTime);
      // the hours go on for longer than the days
      const hours = qubx(`${name}.1H`).filter(({ openTime }) => openTime < end);
      expect(hours).toHaveLength(24 * days.length);
      expectAll(rolledUp(hours, "1d"), days);
    },
  );

  test.each(["20161007", "20161008"])("Coinbase's 1s makes its 1m, %s", (day) => {
    expectAll(rolledUp(lean("second", day), "1m"), lean("minute", day));
  });

  test("loses no decimals: the files have fewer than are kept", () => {
    const most = qubx("AAVEUSDT.1H").flatMap(({ volume, more }) => [volume, ...more!].map(decimalsOf));
    expect(Math.max(...most)).toBeLessThanOrEqual(SCALE);
  });
});
