import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RecordedInstruments } from "../../../ingest/replay/inferred-instruments.js";
import { instrumentOfSymbol, symbolOfNativeId } from "../../../ingest/replay/symbols.js";
import type { InstrumentTick, RawTick, TradeTick } from "../../../schemas/ticks.js";
import { recording } from "../../recordings.js";
import { ofKind, replayed } from "./collected.js";

describe("the symbol of a native id", () => {
  it.each([
    ["binance", "BTCUSDT", "BTC/USDT"],
    ["binance", "ethbtc", "ETH/BTC"],
    ["binance", "BTCFDUSD", "BTC/FDUSD"],
    ["binance", "USDCUSDT", "USDC/USDT"],
    ["binance", "1000SATSTRY", "1000SATS/TRY"],
    ["binanceusdm", "BTCUSDT", "BTC/USDT:USDT"],
    ["binanceusdm", "BTCUSDT_250328", "BTC/USDT:USDT-250328"],
    ["binancecoinm", "BTCUSD_PERP", "BTC/USD:BTC"],
    ["binancecoinm", "ETHUSD_240927", "ETH/USD:ETH-240927"],
    ["binancecoinm", "BNBUSD_PERP", "BNB/USD:BNB"],
    ["binancecoinm", "LTCUSD_PERP", "LTC/USD:LTC"],
    ["binanceusdm", "ETHBTC", "ETH/BTC:BTC"],
    ["binanceusdm", "BNBBUSD", "BNB/BUSD:BUSD"],
    ["binanceusdm", "SPCXUSD1", "SPCX/USD1:USD1"],
    ["binance", "ADAEUR", "ADA/EUR"],
    ["binance", "LUNAEUR", "LUNA/EUR"],
    ["binance", "EURAEUR", "EUR/AEUR"],
    ["binance", "ETHAEUR", "ETH/AEUR"],
    ["binance", "BNBBUSD", "BNB/BUSD"],
    ["binance", "SXPBIDR", "SXP/BIDR"],
    ["binance", "TUSDBTC", "TUSD/BTC"],
    ["binance", "USDTGYEN", "USDT/GYEN"],
    ["binanceus", "BNBUSD", "BNB/USD"],
    ["binanceus", "BNBBUSD", "BNB/BUSD"],
    ["binanceus", "BTCBUSD", "BTC/BUSD"],
    ["binanceus", "AVAXUSD", "AVAX/USD"],
    ["binanceus", "DOTUSD", "DOT/USD"],
    ["binanceus", "USDTUSD", "USDT/USD"],
    ["gemini", "SHIBUSD", "SHIB/USD"],
    ["gemini", "AVAXUSD", "AVAX/USD"],
    ["gemini", "PEPEFDUSD", "PEPE/FDUSD"],
    ["kraken", "XBT/USD", "XBT/USD"],
    ["coinbase", "BTC-USD", "BTC/USD"],
    ["gate", "BTC_USDT", "BTC/USDT"],
  ])("%s %s is %s", (venue, nativeId, symbol) => {
    expect(symbolOfNativeId(venue, nativeId)?.symbol).toBe(symbol);
  });

  it.each(["USDT", "ZZZ", ""])("%j is none", (nativeId) => {
    expect(symbolOfNativeId("binance", nativeId)).toBeUndefined();
  });

  it("is the one that the venue itself lists, for every market it had", () => {
    const lines = gunzipSync(readFileSync(recording("cryptofeed/v3/BINANCE.jsonl.gz")))
      .toString("utf8")
      .split("\n");
    const entry = JSON.parse(lines.find((line) => line.includes("exchangeInfo")) ?? "{}") as { data: string };
    const { symbols } = JSON.parse(entry.data) as {
      symbols: { symbol: string; baseAsset: string; quoteAsset: string }[];
    };
    const wrong = symbols.filter(
      ({ symbol, baseAsset, quoteAsset }) =>
        symbolOfNativeId("binance", symbol)?.symbol !== `${baseAsset}/${quoteAsset}`,
    );
    expect(symbols.length).toBeGreaterThan(1000);
    expect(wrong).toEqual([]);
  });

  it("a unified symbol tells its contract", () => {
    expect(instrumentOfSymbol("BTC/USDT")).toMatchObject({ contractType: "spot", base: "BTC", quote: "USDT" });
    expect(instrumentOfSymbol("BTC/USDT:USDT-250328")).toMatchObject({ contractType: "linear", quote: "USDT" });
    expect(instrumentOfSymbol("BTC/USD:BTC")).toMatchObject({ contractType: "inverse", base: "BTC" });
  });
});

describe("inferred scales", () => {
  it.each([
    ["binance", "spot/btcusdt_20240808.gz", "spot", "0.01", "0.000001", "1"],
    ["binanceusdm", "usdm/btcusdt_20240808.gz", "linear", "0.1", "0.001", "1"],
    ["binancecoinm", "cm/btcusd_perp_20240808.gz", "inverse", "0.1", "1", "100"],
    ["binancecoinm", "cm/ethusd_perp_20240808.gz", "inverse", "0.01", "1", "10"],
  ])("%s %s: those of the values' own decimals", async (venue, name, contractType, tickSize, lotSize, contractSize) => {
    const { ticks } = await replayed({ files: [recording(`hftbacktest/${name}`)], venue });
    const instruments = ofKind(ticks, "instrument");
    expect(instruments.at(-1)).toMatchObject({ contractType, tickSize, lotSize, contractSize, inferred: true });
    const first = ticks.findIndex(({ kind }) => kind !== "heartbeat");
    expect(ticks[first]?.kind).toBe("instrument");
  });

  const decimal = fc
    .tuple(fc.nat(99_999), fc.string({ unit: fc.constantFrom(..."0123456789"), maxLength: 12 }))
    .map(([whole, fraction]) => (fraction === "" ? `${whole}` : `${whole}.${fraction}`));

  it("stand before every value that needs them, and come again only when they are finer", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(decimal, decimal), { minLength: 1, maxLength: 30 }), (values) => {
        const out: RawTick[] = [];
        const instruments = new RecordedInstruments("kraken", (tick) => out.push(tick));
        values.forEach(([price, qty], index) => {
          const trade = tradeOf(price, qty, index);
          instruments.govern(trade);
          out.push(trade);
        });
        let governing: InstrumentTick | undefined;
        for (const tick of out) {
          if (tick.kind === "instrument") {
            if (governing !== undefined) {
              expect(decimals(tick.tickSize)).toBeGreaterThanOrEqual(decimals(governing.tickSize));
              expect(decimals(tick.lotSize)).toBeGreaterThanOrEqual(decimals(governing.lotSize));
              expect([tick.tickSize, tick.lotSize]).not.toEqual([governing.tickSize, governing.lotSize]);
            }
            governing = tick;
          } else if (tick.kind === "trade") {
            expect(significant(tick.price)).toBeLessThanOrEqual(decimals(governing?.tickSize ?? ""));
            expect(significant(tick.qty)).toBeLessThanOrEqual(decimals(governing?.lotSize ?? ""));
          }
        }
        expect(decimals(governing?.tickSize ?? "")).toBe(Math.max(...values.map(([price]) => significant(price))));
      }),
    );
  });

  it("take an exponent at its value and leave nonsense to cleaning", () => {
    const out: RawTick[] = [];
    const instruments = new RecordedInstruments("kraken", (tick) => out.push(tick));
    instruments.govern(tradeOf("1e-7", "-0.5", 0));
    instruments.govern(tradeOf("1.2.3e", "∞", 1));
    instruments.govern(tradeOf(`0.${"0".repeat(300)}1`, "1", 2));
    expect(ofKind(out, "instrument").map(({ tickSize, lotSize }) => [tickSize, lotSize])).toEqual([
      ["0.0000001", "0.1"],
      ["0.000000000000000001", "0.1"],
    ]);
  });

  it("give way to what the venue lists", () => {
    const out: RawTick[] = [];
    const instruments = new RecordedInstruments("binance", (tick) => out.push(tick));
    instruments.byNativeId("BTCUSDT");
    instruments.govern({ ...tradeOf("1.5", "1", 0), exchange: "binance" });
    const listed: InstrumentTick = { ...ofKind(out, "instrument")[0]!, tickSize: "0.01", lotSize: "0.001" };
    const { inferred: _, ...real } = listed;
    instruments.learn(real);
    instruments.govern({ ...tradeOf("1.55555", "1", 1), exchange: "binance" });
    instruments.learn({ ...real, receiveTime: 99 });
    expect(out.slice(1)).toEqual([real]);
  });
});

function tradeOf(price: string, qty: string, index: number): TradeTick {
  const times = { exchangeTime: 1e15 + index, receiveTime: 1e15 + index };
  return { kind: "trade", exchange: "kraken", symbol: "BTC/USDT", ...times, tradeId: "", price, qty, side: "buy" };
}

function decimals(size: string): number {
  return size.includes(".") ? size.length - 2 : 0;
}

function significant(text: string): number {
  return (text.split(".")[1] ?? "").replace(/0+$/, "").length;
}
