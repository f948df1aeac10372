import { describe, expect, it } from "vitest";
import type { RawTick, TradeTick } from "../../../schemas/ticks.js";
import { instrument } from "../../processors/market-ticks.js";
import { onePartition, TaskRig } from "../../processors/task-rig.js";
import { tardisPairs } from "../venues/tardis-pairs.js";
import { bytesOf, cryptofeed, digits, textOf } from "./cryptofeed.js";
import { market, recordedExchange } from "./recorded-exchange.js";
import { plain } from "./truth.js";

// biome-ignore lint/suspicious/noExplicitAny: frames of several exchanges
type Message = any;
interface Fill {
  readonly symbol: string;
  readonly id: unknown;
  readonly price: unknown;
  readonly qty: unknown;
  readonly side: string;
}

/** A recording, and its fills read plainly from its frames: each row one, whatever its id. */
interface Subject {
  readonly name: string;
  readonly id: string;
  readonly markets: readonly ReturnType<typeof market>[];
  readonly frames: () => readonly {
    readonly text: string;
    readonly data: string | Uint8Array;
    readonly time: number;
  }[];
  readonly fills: (message: Message) => readonly Fill[];
}

const linesOf = (file: string, conn: RegExp) =>
  cryptofeed(file)
    .filter(({ t, conn: name }) => t === "recv" && conn.test(name))
    .map((line) => ({ text: textOf(line), data: bytesOf(line), time: Math.round(line.ts * 1e6) }));

const bybitFills = ({ topic = "", data }: Message): Fill[] =>
  topic.startsWith("publicTrade")
    ? data.map(({ s, i, p, v, S }: Message) => ({ symbol: s, id: i, price: p, qty: v, side: S.toLowerCase() }))
    : [];

const bases = ["BTC", "SOL", "ETH", "DOGE"];
const gate = [
  "INK_USDT",
  "HAI_ETH",
  "BTC_USDC",
  "NANO_USDT",
  "QTUM3S_USDT",
  "DIS_USDT",
  "NEO_BTC",
  "FAST_USDT",
  "ZKS_ETH",
];

/** An event of several fills, as Gemini writes one: beside the recorded messages, in their very form. */
const event = (fills: readonly (readonly [price: string, quantity: string, side: string])[]) =>
  fills.map(([price, quantity, side]) => ({
    ...{
      type: "trade",
      symbol: "BTCUSD",
      event_id: 8_280_715_400,
      timestamp: 1_569_888_021_000,
      price,
      quantity,
      side,
    },
  }));
const geminiMessages = () => [
  ...tardisPairs("gemini").map(({ message }) => message),
  ...event([
    ["8325.00", "0.1", "buy"],
    ["8325.01", "0.1", "buy"],
    ["8325.00", "0.2", "buy"],
    ["8325.00", "0.1", "sell"],
  ]),
];

const subjects: readonly Subject[] = [
  {
    name: "Bybit's linear contracts",
    id: "bybit",
    markets: bases.map((base) => market(`${base}USDT`, `${base}/USDT:USDT`)),
    frames: () => linesOf("BYBIT.shared-symbols", /ws\.2$/),
    fills: bybitFills,
  },
  {
    name: "Bybit's spot",
    id: "bybit",
    markets: bases.map((base) => market(`${base}USDT`, `${base}/USDT`)),
    frames: () => linesOf("BYBIT.shared-symbols", /ws\.3$/),
    fills: bybitFills,
  },
  {
    name: "Gate's spot",
    id: "gate",
    markets: gate.map((id) => market(id, id.replace("_", "/"))),
    frames: () => linesOf("GATEIO", /ws\.1$/),
    fills: ({ channel, event: kind, result }) =>
      channel === "spot.trades" && kind === "update"
        ? [result].flat().map(({ id, currency_pair, price, amount, side }: Message) => ({
            ...{ symbol: currency_pair, id, price, qty: amount, side },
          }))
        : [],
  },
  {
    name: "Gemini's messages",
    id: "gemini",
    markets: [market("btcusd", "BTC/USD"), market("ethusd", "ETH/USD"), market("ethbtc", "ETH/BTC")],
    frames: () =>
      geminiMessages().map((message, n) => {
        const text = JSON.stringify(message);
        return { text, data: text, time: 1_569_888_100_000_000 + n * 1_000 };
      }),
    fills: ({ type, symbol, event_id, price, quantity, side }) =>
      type === "trade" && side !== "block"
        ? [{ symbol: symbol.toLowerCase(), id: event_id, price, qty: quantity, side }]
        : [],
  },
];

const row = (symbol: string, { tradeId, price, qty, side }: TradeTick) =>
  [symbol, tradeId, plain(price), plain(qty), side].join(" ");

describe.each(subjects)("$name through ccxt's own handlers", ({ id, markets, frames, fills }) => {
  const symbolOf = new Map(markets.map((one) => [one.id, one.symbol]));

  it("give every fill once, also where all that was sent comes again after an interruption, and where it is processed", async () => {
    const wanted: string[] = [];
    const exchange = await recordedExchange({ id, markets, kinds: ["trade"] });
    const all = frames();
    for (const { text, data, time } of all) {
      for (const { symbol, id: fill, price, qty, side } of fills(digits(text))) {
        const unified = symbolOf.get(symbol);
        if (unified !== undefined) wanted.push([unified, String(fill), plain(price), plain(qty), side].join(" "));
      }
      await exchange.feed(data, time);
    }
    expect(wanted.length).toBeGreaterThan(2);
    const trades = () => exchange.ticks.filter((tick): tick is TradeTick => tick.kind === "trade");
    const rows = () =>
      trades()
        .map((tick) => row(tick.symbol, tick))
        .sort();
    expect(rows()).toEqual(wanted.sort());

    for (const { market: one } of exchange.markets) one.interrupted("trade", "reconnect", all.at(-1)!.time);
    for (const { data, time } of all) await exchange.feed(data, time + 60_000_000);
    await exchange.stop();
    expect(rows()).toEqual(wanted);
    expect(exchange.refused.filter((reason) => reason === "trade_repeated")).toHaveLength(wanted.length);

    // live, again, and back-filled: what the processor makes of any of them
    const given = trades();
    const copies: RawTick[] = [...given, ...given, ...given.map((tick) => ({ ...tick, backfilled: true }))];
    const rig = new TaskRig({ ...onePartition, priceBand: "0" }, false);
    for (const { symbol } of markets) rig.take(instrument(all[0]!.time, { exchange: id, symbol }));
    rig.take(...copies.map((tick) => ({ ...tick, exchange: id })));
    const shown = rig
      .of("market.trade")
      .map(({ symbol, trade_id, price, qty, side }) => [symbol, trade_id, price, qty, side].join(" "))
      .sort();
    expect(shown).toEqual(wanted);
    expect(rig.refused.every((reason) => reason === "duplicate")).toBe(true);
  }, 60_000);
});

it("a trade that names no side is no trade of the book: Gemini's block trades are refused and counted", async () => {
  const exchange = await recordedExchange({ id: "gemini", markets: [market("ethusd", "ETH/USD")], kinds: ["trade"] });
  for (const message of geminiMessages()) await exchange.feed(JSON.stringify(message), 1_569_888_100_000_000);
  await exchange.stop();
  expect(exchange.ticks).toEqual([]);
  expect(exchange.refused).toEqual(["trade_incomplete"]);
});
