import fc from "fast-check";
import { expect, test } from "vitest";
import type { BusMessage } from "../../infra/bus/bus.js";
import type { EncodedMessage } from "../../infra/bus/encoded-message.js";
import { Candle } from "../../processors/candles/candle.js";
import { AMENDED, FEED_DOWN } from "../../processors/messages/kline-message.js";
import { Outbox } from "../../processors/outbox.js";
import { Market, SymbolGroup } from "../../processors/task/market.js";
import type { CleanTrade } from "../../processors/task/operator.js";
import { OutputStream } from "../../processors/task/output-stream.js";
import type { MessageOfTopic, OutputTopic } from "../../schemas/messages.js";
import { formatUnits, type Units, unitsOf } from "../../schemas/units.js";
import { check } from "./seed.js";
import { codecs, type Output } from "./task-rig.js";

const time = fc.integer({ min: 1, max: 4_000_000_000_000_000 });
const long = fc.oneof(fc.nat(200), fc.nat(), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 }));
/** From one digit to texts well beyond 64 bytes. */
const value: fc.Arbitrary<Units> = fc.oneof(
  fc.nat(1000),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fc.bigInt({ min: 0n, max: 10n ** 40n }).map(unitsOf),
  fc.bigInt({ min: 10n ** 60n, max: 10n ** 300n }),
);
const scale = fc.integer({ min: 0, max: 36 });
const names = fc.constantFrom("BTC/USDT", "BTC/USDT:USDT", "A", `${"X".repeat(60)}/Y`);
const venue = fc.constantFrom("binance", "uniswap-v3-500", "aggregate", "v".repeat(64));

class Bench {
  readonly clock = { now: 0, received: 0 };
  readonly outputs: Output[] = [];
  readonly payloads: { channel: string; text: string }[] = [];
  readonly outbox = new Outbox(
    {
      channels: true,
      texts: true,
      record: ({ topic, key }, value, _timestamp, json) => this.outputs.push({ topic, key, value, json }),
      message: ({ channel, payload }) => this.payloads.push({ channel, text: payload }),
    },
    this.clock,
    codecs,
  );
}

// many messages of one bench, so that buffers fill and are renewed
const bench = new Bench();

/** Another time than log time now and then, as ticks of several feeds have it. */
function setTime(now: number, received = Math.max(0, now - (now % 3))): void {
  bench.clock.now = now;
  bench.clock.received = received;
}
const timesNow = () => ({ log_time: bench.clock.now, receive_time: bench.clock.received });

/** The law: the bytes are the codec's own for what they mean, and JSON and channel say the same. */
function expectSame<T extends OutputTopic>(topic: T, stream: OutputStream, message: MessageOfTopic[T]): void {
  const output = bench.outputs.pop()!;
  expect(output.topic).toBe(topic);
  const decoded = codecs[topic].decode(output.value);
  // what JSON leaves out of a trade that is no sum
  const sum = topic === "market.trade" ? { first_trade_id: null, last_trade_id: null } : {};
  expect(decoded).toEqual({ ...sum, ...message });
  expect(Buffer.from(output.value).equals(codecs[topic].encode(decoded as never))).toBe(true);
  expect(JSON.parse(output.json)).toEqual(message);
  for (const { channel, text } of bench.payloads) {
    const envelope = JSON.parse(text);
    expect(Object.keys(envelope)).toEqual(["channel", "epoch", "sequence", "data"]);
    expect(envelope.channel).toBe(channel);
    if (channel === stream.channel) expect(envelope.sequence).toBe(stream.sequence);
    expect(envelope.data).toEqual(message);
  }
  bench.payloads.length = 0;
}

const streamOf = (topic: OutputTopic, symbol: string, exchange: string) =>
  new OutputStream(topic, symbol, `x:${symbol}`, symbol, exchange, topic === "market.kline" ? "1m" : undefined);

const flagNames = (flags: number) =>
  ["off_tick", "off_lot", "price_band", "id_again", "ids_begin_again"].filter((_, bit) => ((flags >> bit) & 1) === 1);

test("a trade's bytes are the codec's, whatever the id, the values and their length", () => {
  const id = fc.oneof(
    fc.nat().map(String),
    fc.string({ unit: "grapheme", maxLength: 20 }),
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.constantFrom('"', "\\", 'a"b\\c', "\u007f", "é", "", "\u2028", "x".repeat(64), "😀".repeat(20)),
  );
  check(
    fc.property(
      id,
      value,
      value,
      scale,
      scale,
      fc.boolean(),
      time,
      time,
      names,
      venue,
      fc.option(id),
      fc.option(fc.tuple(long, long)),
      fc.nat(31),
      (...drawn) => {
        const [
          tradeId,
          price,
          qty,
          priceScale,
          qtyScale,
          buy,
          timestamp,
          now,
          symbol,
          exchange,
          retracts,
          fills,
          flags,
        ] = drawn;
        const market = new Market(0, exchange, symbol, new SymbolGroup(0, symbol));
        market.priceScale = priceScale;
        market.qtyScale = qtyScale;
        const idBytes = Buffer.from(`<${tradeId}>${retracts ?? ""}`);
        const idEnd = 1 + Buffer.byteLength(tradeId);
        const trade: CleanTrade = {
          ...{ market, price, qty, buy, exchangeTime: timestamp, receiveTime: now },
          ...{ idBytes, idStart: 1, idEnd, idNumber: -1, idText: "" },
          retractsStart: retracts === null ? -1 : idEnd + 1,
          retractsEnd: retracts === null ? -1 : idBytes.length,
          ...{ firstId: fills?.[0] ?? -1, lastId: fills?.[1] ?? -1, flags },
        };
        const stream = streamOf("market.trade", symbol, exchange);
        setTime(now);
        bench.outbox.trade(stream, new OutputStream("market.trade", symbol, "tape", symbol, "aggregate"), trade);
        expectSame("market.trade", stream, {
          ...{ symbol, exchange, trade_id: tradeId },
          ...{ price: formatUnits(price, priceScale), qty: formatUnits(qty, qtyScale), side: buy ? "buy" : "sell" },
          ...{ timestamp, epoch: now, sequence_num: 1, retracts, ...timesNow(), flags: flagNames(flags) },
          ...(fills && { first_trade_id: fills[0], last_trade_id: fills[1] }),
        });
      },
    ),
    500,
  );
});

test("a K-line's bytes are the codec's", () => {
  const flags = fc.constantFrom(0, FEED_DOWN, AMENDED, FEED_DOWN | AMENDED);
  const eight = fc.array(value, { minLength: 8, maxLength: 8 });
  check(
    fc.property(eight, fc.tuple(scale, scale, scale), flags, long, long, fc.boolean(), time, names, (...drawn) => {
      const [values, [price, qty, quote], flag, count, revision, closed, openTime, symbol] = drawn;
      const candle = new Candle(openTime);
      [candle.open, candle.high, candle.low, candle.close] = values as [Units, Units, Units, Units];
      [candle.volume, candle.quoteVolume, candle.buyVolume, candle.buyQuoteVolume] = values.slice(4) as [
        ...[Units, Units, Units, Units],
      ];
      Object.assign(candle, { flags: flag, count, revision });
      const stream = streamOf("market.kline", symbol, "binance");
      setTime(openTime + 5);
      bench.outbox.kline(stream, candle, openTime + 59, { price, qty, quote }, closed);
      const text = (at: number, decimals: number) => formatUnits(values[at]!, decimals);
      expectSame("market.kline", stream, {
        ...{ symbol, exchange: "binance", interval: "1m", open_time: openTime, close_time: openTime + 59 },
        ...{ open: text(0, price), high: text(1, price), low: text(2, price), close: text(3, price) },
        ...{ volume: text(4, qty), quote_volume: text(5, quote), trade_count: count },
        ...{ taker_buy_volume: text(6, qty), taker_buy_quote_volume: text(7, quote), is_closed: closed, revision },
        flags: [...(flag & FEED_DOWN ? ["feed_down"] : []), ...(flag & AMENDED ? ["amended"] : [])],
        ...{ timestamp: openTime + 5, epoch: openTime + 5, sequence_num: 1, ...timesNow() },
      });
    }),
    500,
  );
});

test("a depth event's bytes are the codec's, empty or of thousands of levels, whatever the reason says", () => {
  const levels = fc.array(fc.tuple(value, value), { maxLength: 40 });
  const reason = fc.option(fc.oneof(fc.constant("sequence_gap"), fc.string({ unit: "grapheme", maxLength: 90 })));
  const many = fc.integer({ min: 1, max: 40 });
  check(
    fc.property(levels, levels, many, scale, scale, long, long, fc.boolean(), fc.boolean(), reason, (...drawn) => {
      const [some, asks, times, priceScale, qtyScale, first, last, is_snapshot, live, why] = drawn;
      const bids = Array.from({ length: times }, () => some).flat();
      const all = [...bids, ...asks];
      const stream = streamOf("market.depth", "BTC/USDT", "binance");
      setTime(7);
      const status = live ? ("live" as const) : ("stale" as const);
      const head = { first_update_id: first, update_id: last, is_snapshot, status, reason: why, timestamp: last };
      bench.outbox.depth(stream, head, {
        prices: all.map(([price]) => price),
        quantities: all.map(([, qty]) => qty),
        ...{ bidCount: bids.length, count: all.length, priceScale, qtyScale },
      });
      const texts = (side: typeof all) =>
        side.map(([price, qty]) => [formatUnits(price, priceScale), formatUnits(qty, qtyScale)] as const);
      expectSame("market.depth", stream, {
        ...{ symbol: "BTC/USDT", exchange: "binance", bids: texts(bids), asks: texts(asks) },
        ...{ ...head, epoch: 7, sequence_num: 1, previous_sequence: 0, ...timesNow() },
      });
    }),
    200,
  );
});

test("values handed on stay as they were when later messages are written", () => {
  const kept = new Bench();
  const stream = streamOf("market.kline", "BTC/USDT", "binance");
  for (let at = 0; at < 5000; at++) {
    const candle = new Candle(at);
    kept.outbox.kline(stream, candle, at, { price: 2, qty: 3, quote: 5 }, false);
  }
  kept.outputs.forEach(({ value, json }, at) => {
    const decoded = codecs["market.kline"].decode(value);
    expect(decoded).toMatchObject({ open_time: at, sequence_num: at + 1 });
    if (at % 500 === 0) expect(JSON.parse(json)).toEqual(decoded);
  });
});

test("a ticker's bytes are the codec's, whatever is missing of it", () => {
  const decimal = fc.option(fc.tuple(value, scale).map(([units, decimals]) => formatUnits(units, decimals)));
  const body = fc.record({
    bid_price: decimal,
    bid_qty: decimal,
    ask_price: decimal,
    ask_qty: decimal,
    last_price: decimal,
    volume_24h: decimal,
    quote_volume_24h: decimal,
    open_24h: decimal,
    high_24h: decimal,
    low_24h: decimal,
    weighted_price: decimal,
    median_price: decimal,
    venues: fc.option(fc.array(venue, { maxLength: 70 })),
    timestamp: time,
  });
  check(
    fc.property(body, names, venue, time, (ticker, symbol, exchange, now) => {
      const stream = streamOf("market.ticker", symbol, exchange);
      setTime(now);
      bench.outbox.ticker(stream, ticker);
      expectSame("market.ticker", stream, { symbol, exchange, ...ticker, epoch: now, sequence_num: 1, ...timesNow() });
    }),
  );
});

test("a channel's message says once in a minute of log time that the last value lives on", () => {
  const renewing: boolean[] = [];
  const clock = { now: 0, received: 0 };
  const sink = {
    channels: true,
    texts: false,
    record: () => {},
    message: (message: BusMessage) => renewing.push((message as EncodedMessage).renews),
  };
  const outbox = new Outbox(sink, clock, codecs);
  const stream = streamOf("market.kline", "BTC/USDT", "binance");
  for (const seconds of [1, 2, 60, 61, 62, 120, 3600, 3601]) {
    clock.now = seconds * 1_000_000;
    outbox.kline(stream, new Candle(0), 59_999_999, { price: 2, qty: 3, quote: 5 }, false);
  }
  expect(renewing).toEqual([true, false, false, true, false, false, true, false]);
});

test("tickers, indices, index inputs and dead letters say the same in Avro and in JSON", () => {
  const stream = (topic: OutputTopic, key: string) => new OutputStream(topic, key, `x:${key}`, key, "binance");
  setTime(9);
  const ticker = stream("market.ticker", "BTC/USDT");
  const nothing = { volume_24h: null, quote_volume_24h: null, open_24h: null, high_24h: null, low_24h: null };
  const prices = { bid_price: "1", bid_qty: "2", ask_price: "3", ask_qty: null, last_price: "2.5", ...nothing };
  const aggregate = { weighted_price: null, median_price: "2", venues: ["binance"], timestamp: 8 };
  bench.outbox.ticker(ticker, { ...prices, ...aggregate });
  const identity = { symbol: "BTC/USDT", exchange: "binance" };
  expectSame("market.ticker", ticker, {
    ...identity,
    ...prices,
    ...aggregate,
    epoch: 9,
    sequence_num: 1,
    ...timesNow(),
  });

  const index = stream("market.index", "BTC");
  const constituent = { ...identity, price: "1.5", weight: "1", included: true, reason: "ok" };
  const value = { name: "BTC", value: "1.5", status: "live", timestamp: 9, constituents: [constituent] };
  bench.outbox.index(index, value);
  expectSame("market.index", index, { ...value, epoch: 9, sequence_num: 1, ...timesNow() });

  const input = stream("index.input", "BTC");
  const price = { ...identity, price: null, volume_24h: "3", price_time: 0, feed_down: true, tick: "0.01" };
  bench.outbox.indexInput(input, { name: "BTC", source: "market.raw/3", log_time: 9, prices: [price] });
  const source = { name: "BTC", source: "market.raw/3", log_time: 9, epoch: 9, sequence_num: 1, prices: [price] };
  const received = { receive_time: bench.clock.received };
  expectSame("index.input", input, { ...source, ...received });

  const letters = stream("market.dlq", "market.raw/0");
  const original = new Uint8Array([0, 255, 128, 1]);
  const place = { topic: "market.raw", partition: 0, offset: 1, index: 2, ...identity };
  bench.outbox.deadLetter(letters, { ...place, reason: "duplicate", detail: "é", original });
  const { value: bytes, json } = bench.outputs.pop()!;
  const decoded = codecs["market.dlq"].decode(bytes);
  const letter = { ...place, reason: "duplicate", detail: "é", timestamp: 9, epoch: 9, sequence_num: 1, ...timesNow() };
  expect(decoded).toEqual({ ...letter, original });
  expect(JSON.parse(json)).toEqual({ ...letter, original: "AP+AAQ==" });
});
