import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { collect, replayed, temporaryFolder } from "./collected.js";

const folder = temporaryFolder();
const base = { exchange: "kraken", symbol: "BTC/USDT", receive_time: 1762795420000000 };

async function read(...lines: unknown[]) {
  const file = folder.path("ticks.ndjson");
  writeFileSync(file, lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"));
  return await collect(file, { format: "ticks" });
}

describe("ticks", () => {
  it("reads the documented trade line", async () => {
    const line =
      '{"kind":"trade","exchange":"kraken","symbol":"BTC/USDT","trade_id":"1","price":"100.10","qty":"0.5","side":"buy","exchange_time":1762795420000000,"receive_time":1762795420000001}';
    expect((await read(line)).ticks).toEqual([
      {
        kind: "trade",
        exchange: "kraken",
        symbol: "BTC/USDT",
        tradeId: "1",
        price: "100.10",
        qty: "0.5",
        side: "buy",
        exchangeTime: 1762795420000000,
        receiveTime: 1762795420000001,
      },
    ]);
  });

  it("reads quote, ticker, depth, oracle and instrument with the messages' field names", async () => {
    const { ticks, badLines } = await read(
      { ...base, kind: "quote", bid_price: "1", bid_qty: "2", ask_price: "3", ask_qty: "4", update_id: 7 },
      { ...base, kind: "quote", bid_price: "1", bid_qty: "2" },
      { ...base, kind: "ticker", last_price: "5", volume_24h: "6", open_24h: null },
      { ...base, kind: "depth", bids: [["1", "2"]], asks: [], is_snapshot: true, update_id: 10 },
      { ...base, kind: "depth", bids: [], asks: [["3", "0"]], first_update_id: 11, update_id: 12 },
      { ...base, kind: "depth", status: "stale", reason: "checksum_mismatch" },
      { ...base, kind: "oracle", price: "9", round_id: "r" },
      { ...base, kind: "instrument", tick_size: "0.1", lot_size: "0.001" },
    );
    expect(badLines).toEqual([]);
    expect(ticks).toMatchObject([
      { kind: "quote", bidPrice: "1", bidQty: "2", askPrice: "3", askQty: "4", updateId: 7 },
      { kind: "quote", bidPrice: "1", bidQty: "2", askPrice: "", askQty: "" },
      { kind: "ticker", lastPrice: "5", volume24h: "6" },
      { kind: "depth", action: "snapshot", bids: [["1", "2"]], updateId: 10, firstUpdateId: 10, part: 0, parts: 1 },
      { kind: "depth", action: "increment", asks: [["3", "0"]], firstUpdateId: 11, updateId: 12 },
      { kind: "depth", action: "gap", reason: "checksum_mismatch" },
      { kind: "oracle", price: "9", roundId: "r" },
      { kind: "instrument", tickSize: "0.1", lotSize: "0.001", contractType: "spot", base: "BTC", quote: "USDT" },
    ]);
  });

  it("reads a snapshot in parts, numbered from 0", async () => {
    const part = { ...base, kind: "depth", is_snapshot: true, bids: [["1", "2"]], update_id: 10 };
    const { ticks, badLines } = await read(
      { ...part, part: 0, parts: 2 },
      { ...part, part: 1, parts: 2 },
      { ...part, part: 2, parts: 2 },
    );
    expect(ticks).toMatchObject([
      { part: 0, parts: 2 },
      { part: 1, parts: 2 },
    ]);
    expect(badLines).toEqual(["3: part: expected a number from 0 and below parts"]);
  });

  it("a ticker message with the best bid and ask gives both", async () => {
    const line = {
      ...base,
      kind: "ticker",
      last_price: "5",
      bid_price: "4",
      bid_qty: "1",
      ask_price: "6",
      ask_qty: "1",
    };
    expect((await read(line)).ticks.map(({ kind }) => kind)).toEqual(["quote", "ticker"]);
  });

  it("one time stands for the other, and `timestamp` for the exchange's", async () => {
    const trade = { kind: "trade", exchange: "k", symbol: "A/B", price: "1", qty: "1", side: "sell" };
    const { ticks } = await read(
      { ...trade, receive_time: 1762795420000000 },
      { ...trade, exchange_time: 1762795420000001 },
      { ...trade, timestamp: 1762795420000002, receive_time: 1762795420000003 },
    );
    expect(ticks.map(({ exchangeTime, receiveTime }) => [exchangeTime % 10, receiveTime % 10])).toEqual([
      [0, 0],
      [1, 1],
      [2, 3],
    ]);
  });

  it("takes JSON numbers at their shortest text, up to 15 digits", async () => {
    const trade = { ...base, kind: "trade", qty: "1", side: "buy" };
    const { ticks, badLines } = await read(
      { ...trade, price: 0.1 },
      { ...trade, price: 12345678.9012345 },
      '{"kind":"trade","exchange":"k","symbol":"A/B","receive_time":1762795420000000,"qty":1,"side":"buy","price":0.12345678901234567}',
    );
    expect(ticks).toMatchObject([{ price: "0.1" }, { price: "12345678.9012345" }]);
    expect(badLines).toEqual([expect.stringContaining("price: a number of more than 15 digits")]);
  });

  it.each([
    ["rubbish", "not JSON"],
    ["[]", "expected a JSON object"],
    [{ ...base, kind: "kline" }, "kind: expected"],
    [{ ...base, kind: "trade", price: "1", qty: "1", side: "long" }, "side: expected buy or sell"],
    [{ ...base, kind: "trade", qty: "1", side: "buy" }, "price: expected a decimal as text"],
    [{ ...base, exchange: "aggregate", kind: "trade" }, "aggregates are computed"],
    [{ ...base, receive_time: 1762795420, kind: "trade" }, "receive_time: expected whole µs"],
    [{ ...base, receive_time: undefined, kind: "trade" }, "exchange_time or receive_time"],
    [{ ...base, symbol: undefined, kind: "trade" }, "symbol: expected text"],
    [{ ...base, kind: "depth", bids: [["1"]] }, "bids: expected [[price, qty]"],
    [{ ...base, kind: "depth", update_id: "x" }, "update_id: expected a whole number"],
  ])("refuses %j", async (line, why) => {
    const { ticks, badLines } = await read(line);
    expect(ticks).toEqual([]);
    expect(badLines).toEqual([expect.stringContaining(why)]);
  });

  it("of several venues and symbols replays with an instrument for each, and all of them connected", async () => {
    const file = folder.path("ticks.ndjson");
    const trade = (exchange: string, symbol: string, price: string, offset: number) =>
      JSON.stringify({
        ...base,
        kind: "trade",
        exchange,
        symbol,
        price,
        qty: "1",
        side: "buy",
        receive_time: base.receive_time + offset,
      });
    writeFileSync(
      file,
      [
        trade("kraken", "BTC/USDT", "1.5", 0),
        trade("okx", "BTC/USDT", "1.25", 1),
        trade("okx", "BTC/USDT:USDT", "1", 2),
      ].join("\n"),
    );
    const { ticks } = await replayed({ files: [file] });
    expect(ticks.filter(({ kind }) => kind !== "heartbeat")).toMatchObject([
      { kind: "instrument", exchange: "kraken", tickSize: "0.1", inferred: true },
      { kind: "trade", exchange: "kraken" },
      { kind: "instrument", exchange: "okx", tickSize: "0.01" },
      { kind: "trade", exchange: "okx" },
      { kind: "instrument", symbol: "BTC/USDT:USDT", contractType: "linear", tickSize: "1" },
      { kind: "trade", symbol: "BTC/USDT:USDT" },
    ]);
    expect(ticks.at(-1)).toMatchObject({
      end: true,
      feeds: [
        { exchange: "kraken", connected: true },
        { exchange: "okx", connected: true },
      ],
    });
  });
});
