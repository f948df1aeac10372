import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Decimal } from "decimal.js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { rowTexts } from "../../infra/store/row-text.js";
import { RowTranscoder } from "../../infra/store/row-transcoder.js";
import type { StoredTopic } from "../../infra/store/store.js";
import { defaultSettings } from "../../processors/settings.js";
import { SynchronousPlant } from "../../processors/synchronous-plant.js";
import { openCodecs } from "../../schemas/codec.js";
import { EmbeddedRegistry } from "../../schemas/embedded-registry.js";
import type { DeadLetter, Index, Kline, MessageOfTopic, Ticker, Trade } from "../../schemas/messages.js";
import { type EmbeddedStore, openEmbeddedStore } from "../infra/store/embedded-store.js";
import { perpetual, recordedTicks, spot } from "../plant/recorded-raw.js";

const Exact = Decimal.clone({ precision: 60 });
const seconds = 120;
/** µs that a message took, so that every one has a time of leaving. */
const taken = (logTime: number): number => logTime + 1_000 + (logTime % 977);
/** Trades of Bitcoin that the store never gets. */
const missing = new Set([5, 6, 7, 100]);

let opened: EmbeddedStore;
let blocks: Map<string, string>;
const said: { [Topic in StoredTopic]?: MessageOfTopic[Topic][] } = {};
const all = <Topic extends StoredTopic>(topic: Topic): MessageOfTopic[Topic][] =>
  (said[topic] ?? []) as MessageOfTopic[Topic][];

beforeAll(async () => {
  blocks = new Map();
  const page = await readFile(join(import.meta.dirname, "../../docs/sql.md"), "utf8");
  for (const section of page.split(/^### /m).slice(1)) {
    const [, sql] = /```sql\n([\s\S]*?)```/.exec(section) ?? [];
    if (sql !== undefined) blocks.set(section.slice(0, section.indexOf("\n")), sql);
  }
  opened = await openEmbeddedStore({ database: "tickplant" });
  await opened.store.migrate();
  await fill();
});
afterAll(async () => {
  await opened.close();
});

/** A recording through the processors and into the store, as the sink would bring it there. */
async function fill(): Promise<void> {
  const codecs = await openCodecs(new EmbeddedRegistry());
  const constituents = [
    { exchange: "binance", symbol: spot },
    { exchange: "binanceusdm", symbol: perpetual },
  ].map((one) => ({ ...one, weight: "1" }));
  const rows = new Map<StoredTopic, RowTranscoder>();
  const plant = new SynchronousPlant({
    codecs,
    settings: {
      ...defaultSettings,
      indices: [
        {
          ...{ name: "BTC-ETH", gridMs: 1_000, constituents, outlierBand: "1000" },
          ...{ staleAfterMs: 60_000, minimumConstituents: 1, scale: 8 },
        },
      ],
    },
    onOutput: ({ topic, value, json }) => {
      if (topic === "index.input") return;
      const message = JSON.parse(json);
      if (topic === "market.dlq") message.original = Buffer.from(message.original, "base64");
      if (topic === "market.trade" && message.symbol === spot && missing.has(message.sequence_num)) return;
      const list = (said[topic] ?? []) as unknown[];
      list.push(message);
      said[topic] = list as never;
      let text = rows.get(topic);
      if (text === undefined) {
        text = new RowTranscoder(topic, codecs[topic].schemaId);
        rows.set(topic, text);
      }
      const sentAt = taken(message.log_time);
      if (!text.append(value, sentAt)) text.appendText(rowTexts[topic].row(message as never, sentAt));
    },
  });
  for (const tick of await recordedTicks(seconds)) plant.publish(tick);
  for (const [topic, text] of rows) await opened.store.insertRows(topic, text.take());
}

async function ask<Row>(question: string, compatibility: string): Promise<Row[]> {
  const sql = blocks.get(question);
  if (sql === undefined) throw new Error(`docs/sql.md has no question "${question}"`);
  return opened.store.query<Row>(`${sql}\nSETTINGS compatibility = '${compatibility}'`);
}

const time = (micros: number): string => new Date(Math.floor(micros / 1_000)).toISOString().replace("T", " ");
/** As the store shows a time: UTC, six decimals. */
const shown = (micros: number): string => `${time(micros).slice(0, 19)}.${String(micros % 1e6).padStart(6, "0")}`;
const startOf = (micros: number, length: number): string => time(micros - (micros % (length * 1e6))).slice(0, 19);
const near = (found: number | string, wanted: Decimal | number | string): void => {
  const exact = new Exact(wanted);
  const off = exact.isZero() ? new Exact(found) : exact.minus(found).div(exact);
  expect(off.abs().lt("1e-12"), `${found} for ${exact}`).toBe(true);
};
const sum = (list: readonly Decimal[]): Decimal => list.reduce((total, one) => total.plus(one), new Exact(0));
const notional = (list: readonly Trade[]): Decimal => sum(list.map(({ price, qty }) => new Exact(price).mul(qty)));
const volume = (list: readonly Trade[]): Decimal => sum(list.map(({ qty }) => new Exact(qty)));
function groups<One>(list: readonly One[], key: (one: One) => string): [string, One[]][] {
  const found = new Map<string, One[]>();
  for (const one of list) found.set(key(one), [...(found.get(key(one)) ?? []), one]);
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}
const inOrder = (a: Trade, b: Trade): number =>
  a.timestamp - b.timestamp || a.epoch - b.epoch || a.sequence_num - b.sequence_num;
const coin = (): Trade[] => all("market.trade").filter(({ symbol }) => symbol === spot);

const questions: Readonly<Record<string, (compatibility: string) => Promise<void>>> = {
  "VWAP by hour": async (compatibility) => {
    const rows = await ask<{ hour: string; vwap: number }>("VWAP by hour", compatibility);
    const hours = groups(coin(), ({ timestamp }) => startOf(timestamp, 3_600));
    expect(rows.map(({ hour }) => hour)).toEqual(hours.map(([hour]) => hour));
    for (const [at, [, list]] of hours.entries()) near(rows[at]!.vwap, notional(list).div(volume(list)));
  },
  Notional: async (compatibility) => {
    const rows = await ask<{ exchange: string; symbol: string; notional: number }>("Notional", compatibility);
    const markets = groups(all("market.trade"), ({ exchange, symbol }) => `${exchange} ${symbol}`);
    expect(rows.map(({ exchange, symbol }) => `${exchange} ${symbol}`)).toEqual(markets.map(([market]) => market));
    expect(rows).toHaveLength(2);
    for (const [at, [, list]] of markets.entries()) near(rows[at]!.notional, notional(list));
  },
  "Spread over time": async (compatibility) => {
    const rows = await ask<{ time: string; spread: number; widest: string }>("Spread over time", compatibility);
    const tickers = all("market.ticker").filter(
      ({ exchange, symbol, ask_price, bid_price }: Ticker) =>
        exchange === "binance" && symbol === spot && ask_price !== null && bid_price !== null,
    );
    const times = groups(tickers, ({ timestamp }) => startOf(timestamp, 10));
    expect(rows.map((row) => row.time)).toEqual(times.map(([at]) => at));
    for (const [at, [, list]] of times.entries()) {
      const spreads = list.map((one) => new Exact(one.ask_price!).minus(one.bid_price!));
      near(rows[at]!.spread, sum(spreads).div(spreads.length));
      expect(rows[at]!.widest).toBe(Exact.max(...spreads).toFixed());
    }
  },
  "Volume by venue": async (compatibility) => {
    const rows = await ask<{ exchange: string; volume: number; trades: number }>("Volume by venue", compatibility);
    expect(rows).toEqual([{ exchange: "binance", volume: expect.any(Number), trades: coin().length }]);
    near(rows[0]!.volume, volume(coin()));
  },
  "A candle from trades": async (compatibility) => {
    type Row = Record<"open" | "high" | "low" | "close" | "volume" | "trade_count", number> & { open_time: string };
    const rows = await ask<Row>("A candle from trades", compatibility);
    const minutes = groups([...coin()].sort(inOrder), ({ timestamp }) => startOf(timestamp, 60));
    expect(rows.map(({ open_time }) => open_time)).toEqual(minutes.map(([minute]) => minute));
    const candles = all("market.kline").filter(
      ({ exchange, symbol, interval, is_closed }: Kline) =>
        exchange === "binance" && symbol === spot && interval === "1m" && is_closed,
    );
    let whole = 0;
    for (const [at, [minute, list]] of minutes.entries()) {
      const prices = list.map(({ price }) => Number(price));
      const [open, close] = [prices[0], prices.at(-1)];
      const ends = { open, close, high: Math.max(...prices), low: Math.min(...prices), trade_count: list.length };
      expect(rows[at]).toMatchObject(ends);
      near(rows[at]!.volume, volume(list));
      const candle = candles.findLast(({ open_time }) => startOf(open_time, 60) === minute);
      if (candle?.trade_count !== list.length) continue;
      whole += 1;
      for (const field of ["open", "high", "low", "close", "volume"] as const) near(rows[at]![field], candle[field]);
    }
    expect(whole).toBeGreaterThan(0);
  },
  "An index against its venues": async (compatibility) => {
    type Row = { timestamp: string; exchange: string; value: number; price: number; basis_points: number };
    const rows = await ask<Row>("An index against its venues", compatibility);
    const wanted = all("market.index").flatMap(({ timestamp, value, constituents }: Index) =>
      constituents
        .filter(({ included }) => included && value !== null)
        .map(({ exchange, price }) => ({ timestamp, value: value!, exchange, price: price! })),
    );
    wanted.sort((a, b) => a.timestamp - b.timestamp || (a.exchange < b.exchange ? -1 : 1));
    expect(rows.map((row) => [row.timestamp, row.exchange])).toEqual(
      wanted.map((row) => [shown(row.timestamp), row.exchange]),
    );
    expect(rows.length).toBeGreaterThan(100);
    for (const [at, { value, price }] of wanted.entries()) {
      near(rows[at]!.price, price);
      const exact = new Exact(price).div(value).minus(1).mul(10_000);
      expect(exact.minus(rows[at]!.basis_points).abs().lt("1e-10")).toBe(true);
    }
  },
  "Latency percentiles": async (compatibility) => {
    type Row = { exchange: string; venue_to_plant_us: number[]; through_the_plant_us: number[] };
    const rows = await ask<Row>("Latency percentiles", compatibility);
    const venues = groups(all("market.trade"), ({ exchange }) => exchange);
    const exactly = (values: readonly number[]): number[] => {
      const sorted = [...values].sort((a, b) => a - b);
      return [0.5, 0.99, 1].map((level) => sorted[Math.min(Math.floor(level * sorted.length), sorted.length - 1)]!);
    };
    expect(rows).toEqual(
      venues.map(([exchange, list]) => ({
        exchange,
        venue_to_plant_us: exactly(list.map(({ timestamp, receive_time }) => receive_time - timestamp)),
        through_the_plant_us: exactly(list.map(({ receive_time, log_time }) => taken(log_time) - receive_time)),
      })),
    );
  },
  Gaps: async (compatibility) => {
    const { epoch } = coin()[0]!;
    const place = { exchange: "binance", symbol: spot, epoch };
    expect(await ask("Gaps", compatibility)).toEqual([
      { ...place, first_missing: 5, last_missing: 7 },
      { ...place, first_missing: 100, last_missing: 100 },
    ]);
  },
  "Dead letters by reason": async (compatibility) => {
    const rows = await ask<Record<string, unknown>>("Dead letters by reason", compatibility);
    const key = ({ reason, exchange, symbol }: DeadLetter): string => [reason, exchange, symbol].join("|");
    const wanted = groups(all("market.dlq"), key).map(([name, list]) => {
      const [reason, exchange, symbol] = name.split("|");
      const newest = shown(Math.max(...list.map(({ timestamp }) => timestamp)));
      return { reason, exchange, symbol, letters: list.length, newest };
    });
    wanted.sort((a, b) => b.letters - a.letters);
    expect(rows).toEqual(wanted);
    expect(rows.length).toBeGreaterThan(3);
  },
  "The price at a time": async (compatibility) => {
    const rows = await ask<Record<string, unknown>>("The price at a time", compatibility);
    const instant = Date.parse("2024-08-08T23:55:00Z") * 1_000;
    const last = coin()
      .filter(({ timestamp }) => timestamp <= instant)
      .sort(inOrder)
      .at(-1)!;
    const { exchange, price, timestamp } = last;
    expect(rows).toEqual([{ exchange, price: Number(price), price_text: price, timestamp: shown(timestamp) }]);
  },
};

it("has ten questions, and each has its answer here", () => {
  expect([...blocks.keys()]).toEqual(Object.keys(questions));
  expect(blocks.size).toBe(10);
});

it.each(Object.keys(questions).flatMap((question) => ["", "25.8"].map((defaults) => [question, defaults] as const)))(
  "%s (defaults: %s) is what exact arithmetic gives",
  async (question, defaults) => {
    await questions[question]!(defaults);
  },
);
