import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { recordedCcxtIds } from "../../../ingest/replay/ccxt/recorded-frames.js";
import type { ReplayOptions } from "../../../ingest/replay/replay-source.js";
import { recording } from "../../recordings.js";
import { compare } from "../ccxt/compared.js";
import { cryptofeed, digits, textOf } from "../ccxt/cryptofeed.js";
import { market } from "../ccxt/recorded-exchange.js";
import { type RecordedSubject, recordedSubjects } from "../ccxt/recorded-exchanges.js";
import { Truth } from "../ccxt/truth.js";
import { tardisPairs } from "../venues/tardis-pairs.js";
import { ofKind, replayed, temporaryFolder } from "./collected.js";

const folder = temporaryFolder();

/** Those of which trades came. */
const gatePairs = ["NEO_BTC", "DIS_USDT", "NANO_USDT", "ZKS_ETH"];
const bybit = recordedSubjects.find(({ id }) => id === "bybit")!;
const subjects: readonly (RecordedSubject & { readonly name: string })[] = [
  ...recordedSubjects
    .filter(({ id }) => recordedCcxtIds.includes(id))
    .map((subject) => ({ ...subject, name: subject.file })),
  {
    ...bybit,
    name: "Bybit's spot, of the same ids",
    conn: /ws\.3$/,
    markets: [market("BTCUSDT", "BTC/USDT")],
  },
  {
    name: "GATEIO",
    id: "gate",
    file: "GATEIO",
    markets: gatePairs.map((id) => market(id, id.replace("_", "/"))),
    kinds: ["trade"],
    read: ({ channel, event, result }, truth) => {
      if (channel !== "spot.trades" || event !== "update") return;
      for (const { id, currency_pair, price, amount, side } of [result].flat())
        truth.trade(currency_pair, id, price, amount, side);
    },
  },
];

function truthOf({ file, conn = /./, markets, read }: RecordedSubject): Truth {
  const truth = new Truth(Object.fromEntries(markets.map(({ id, symbol }) => [id, symbol])));
  for (const line of cryptofeed(file)) if (line.t === "recv" && conn.test(line.conn)) read(digits(textOf(line)), truth);
  return truth;
}

const fileOf = ({ file }: RecordedSubject) => recording(`cryptofeed/v3/${file}.jsonl.gz`);

describe.each(subjects)("cryptofeed's capture of $name", (subject) => {
  it("replays as it is, digit for digit, through ccxt's own handlers", async () => {
    const { ticks, report } = await replayed({ files: [fileOf(subject)] });
    expect(report.problems).toEqual([]);
    expect(report.warnings.filter((why) => !why.includes("runs backwards in time"))).toEqual([]);
    expect(compare(subject, truthOf(subject), ticks)).toBeGreaterThan(2);
    const instruments = ofKind(ticks, "instrument");
    for (const { symbol, id, linear } of subject.markets) {
      const mine = instruments.filter((tick) => tick.symbol === symbol);
      expect(mine.length, symbol).toBeGreaterThan(0);
      expect(mine[0]).toMatchObject({
        exchange: subject.id,
        nativeId: id,
        contractType: linear === true ? "linear" : "spot",
      });
    }
  });
});

it("gives the same ticks each time", async () => {
  const options: ReplayOptions = { files: [fileOf(bybit)] };
  const [once, again] = [await replayed(options), await replayed(options)];
  expect(JSON.stringify(once.ticks)).toBe(JSON.stringify(again.ticks));
});

/** Messages as tardis.dev's own reader was tried with; times of the messages' own days, in their order. */
function asTardis(pairs: readonly { readonly message: unknown }[]): string {
  const lines = pairs.map(
    ({ message }, at) => `2026-01-01T00:00:${String(at).padStart(2, "0")}.0000000Z ${JSON.stringify(message)}`,
  );
  const path = folder.path("tardis");
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

const named = [
  // contracts of before v5 are of an interface that ended
  ["bybit", ({ topic }: { topic?: string }) => topic?.startsWith("publicTrade.") === true],
  ["bybit-spot", ({ topic }: { topic?: string }) => topic?.startsWith("publicTrade.") === true],
  ["gate-io", ({ channel }: { channel?: string }) => channel === "spot.trades"],
  ["gemini", ({ type }: { type?: string }) => type === "trade"],
  ["hyperliquid", ({ channel }: { channel?: string }) => channel === "trades"],
] as const;

describe.each(named)("tardis.dev's messages of %s, by its own name of the exchange", (name, isOfCcxt) => {
  it("give the trades that it makes of them itself", async () => {
    // it leaves out the history that Hyperliquid sends with a subscription
    const pairs = tardisPairs(name).filter(
      ({ message, expected }) => isOfCcxt(message as object) && expected.some(({ type }) => type === "trade"),
    );
    const wanted = pairs
      .flatMap(({ expected }) => expected)
      .filter(({ type, side }) => type === "trade" && side !== "unknown");
    const { ticks } = await replayed({ files: [asTardis(pairs)], venue: name });
    const found = ofKind(ticks, "trade").map(({ tradeId, price, qty, side }) => [tradeId, +price, +qty, side]);
    const rows = wanted.map(({ id, price, amount, side }) => [id, price, amount, side]);
    expect(rows.length).toBeGreaterThan(0);
    expect(found.map(String).sort()).toEqual(rows.map(String).sort());
  });
});

it("books of tardis.dev's messages begin with their snapshot and follow its changes", async () => {
  const gate = tardisPairs("gate-io").filter(({ message }) => (message as { channel?: string }).channel === "spot.obu");
  const { ticks, report } = await replayed({ files: [asTardis(gate)], venue: "gate-io" });
  expect(report.problems).toEqual([]);
  const depth = ofKind(ticks, "depth");
  const levels = (side: unknown) =>
    (side as { price: number; amount: number }[]).map(({ price, amount }) => [price, amount]);
  const numbers = (side: readonly (readonly [string, string])[]) => side.map((level) => level.map(Number));
  const changes = gate.flatMap(({ expected }) => expected).filter(({ type }) => type === "book_change");
  expect(changes.length).toBeGreaterThan(1);
  expect(depth.map(({ action, bids, asks }) => [action, numbers(bids), numbers(asks)])).toEqual(
    changes.map(({ isSnapshot, bids, asks }) => [isSnapshot ? "snapshot" : "increment", levels(bids), levels(asks)]),
  );
});

/** Recorded messages of Kraken's futures, one a file. */
function krakenMessages(): Record<string, string> {
  const tar = gunzipSync(readFileSync(recording("nautilus_trader/adapter-messages.tar.gz")));
  const files: Record<string, string> = {};
  for (let at = 0; at + 512 <= tar.length; ) {
    const name = tar
      .subarray(at, at + 100)
      .toString()
      .replace(/\0.*$/s, "");
    const size = Number.parseInt(tar.subarray(at + 124, at + 136).toString(), 8) || 0;
    if (name !== "") files[name.replace(/^.*\//, "")] = tar.subarray(at + 512, at + 512 + size).toString();
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

it("messages of Kraken's futures give trades, last prices and a book, of the contracts that their ids name", async () => {
  const files = krakenMessages();
  const names = [
    "ws_futures_trade_snapshot",
    "ws_futures_trade",
    "ws_futures_ticker",
    "ws_futures_book_snapshot",
    "ws_futures_book_delta",
  ];
  const messages = names.map((name) => JSON.parse(files[`${name}.json`]!));
  const header = { t: "header", exchange: "KRAKEN_FUTURES" };
  const lines = messages.map((message, at) => ({
    ...{ t: "recv", conn: "ws.1", ts: 1_767_225_600 + at, data: JSON.stringify(message) },
  }));
  const path = folder.path("kraken-futures");
  writeFileSync(path, [header, ...lines].map((line) => JSON.stringify(line)).join("\n"));
  const { ticks, report } = await replayed({ files: [path] });
  expect(report.problems).toEqual([]);
  const trades = [...messages[0].trades, messages[1]];
  expect(
    ofKind(ticks, "trade")
      .map(({ tradeId, price, qty, side }) => [tradeId, Number(price), Number(qty), side])
      .sort(),
  ).toEqual(trades.map(({ uid, price, qty, side }: Record<string, unknown>) => [uid, price, qty, side]).sort());
  expect(ofKind(ticks, "ticker").map(({ lastPrice }) => Number(lastPrice))).toEqual([messages[2].last]);
  const [snapshot, increment] = ofKind(ticks, "depth");
  expect(snapshot).toMatchObject({ action: "snapshot" });
  expect(snapshot!.bids.map(([price, qty]) => [Number(price), Number(qty)])).toEqual(
    messages[3].bids.map(({ price, qty }: Record<string, number>) => [price, qty]),
  );
  const { side, price, qty } = messages[4];
  expect(increment![side === "sell" ? "asks" : "bids"].map((level) => level.map(Number))).toEqual([[price, qty]]);
});

const bybitLine = (ts: number, rest: Readonly<Record<string, unknown>>) =>
  JSON.stringify({ conn: "ws.1", ts, ...rest });
const linear = { t: "connect", addr: "wss://stream.bybit.com/v5/public/linear" };
const bookOf = (type: string, u: number, bid: string, depth = 50, symbol = "BTCUSDT") => ({
  t: "recv",
  data: JSON.stringify({
    ...{ topic: `orderbook.${depth}.${symbol}`, type, ts: 1_767_225_600_000 },
    data: { s: symbol, b: [[bid, "1"]], a: [["101", "1"]], u, seq: u },
  }),
});
const written = (...lines: readonly string[]) => {
  const path = folder.path("bybit");
  writeFileSync(path, ['{"t":"header","exchange":"BYBIT"}', ...lines].join("\n"));
  return path;
};
const now = 1_767_225_600;

it("a connection that comes up again ends its book with a gap, until the next snapshot", async () => {
  const path = written(
    bybitLine(now, linear),
    bybitLine(now + 1, bookOf("snapshot", 1, "100")),
    bybitLine(now + 2, bookOf("delta", 2, "100.5")),
    bybitLine(now + 3, linear),
    bybitLine(now + 4, bookOf("delta", 9, "99")),
    bybitLine(now + 5, bookOf("snapshot", 10, "98")),
    bybitLine(now + 6, bookOf("delta", 11, "98.5")),
  );
  const { ticks } = await replayed({ files: [path] });
  const shown = ofKind(ticks, "depth").map(({ action, reason, bids }) => [
    action,
    reason,
    bids.map(([price]) => price),
  ]);
  expect(shown).toEqual([
    ["snapshot", undefined, ["100"]],
    ["increment", undefined, ["100.5"]],
    ["gap", "reconnect", []],
    ["snapshot", undefined, ["98"]],
    ["increment", undefined, ["98.5"]],
  ]);
});

it("a recording that begins amid a book has none before its snapshot, and says so where none comes", async () => {
  const changes = [bybitLine(now, linear), bybitLine(now + 1, bookOf("delta", 2, "100.5"))];
  const { ticks, report } = await replayed({ files: [written(...changes)] });
  expect(ofKind(ticks, "depth")).toEqual([]);
  expect(report.warnings.join()).toMatch(/BTC\/USDT:USDT@bybit: no snapshot that fits/);
  const more = [...changes, bybitLine(now + 2, bookOf("snapshot", 3, "98"))];
  const { ticks: later } = await replayed({ files: [written(...more)] });
  expect(ofKind(later, "depth")).toMatchObject([{ action: "snapshot", bids: [["98", "1"]] }]);
});

it("of books of several depths of one market the first is kept: their levels are not mixed", async () => {
  const path = written(
    bybitLine(now, linear),
    bybitLine(now + 1, bookOf("snapshot", 1, "100", 200)),
    bybitLine(now + 2, bookOf("snapshot", 7, "90", 50)),
    bybitLine(now + 3, bookOf("delta", 2, "100.5", 200)),
  );
  const { ticks, report } = await replayed({ files: [path] });
  expect(ofKind(ticks, "depth").map(({ action, bids }) => [action, bids.map(([price]) => price)])).toEqual([
    ["snapshot", ["100"]],
    ["increment", ["100.5"]],
  ]);
  expect(report.notes).toEqual({ ignored: 1 });
});

it("what can not be read, named or taken in is told, and the rest is read", async () => {
  const refused: string[] = [];
  const path = written(
    bybitLine(now, linear),
    bybitLine(now + 1, { t: "recv", data: '{"topic":"publicTrade.BTCUSDT","data":[{"s":"BTC' }),
    bybitLine(now + 2, { t: "recv", data: '{"op":"pong"}' }),
    bybitLine(now + 3, bookOf("snapshot", 1, "100", 50, "ODDNAME")),
    bybitLine(now + 4, bookOf("snapshot", 1, "100", 50, "BTCPERP")),
  );
  const { ticks, report } = await replayed({ files: [path], onRefused: ({ reason }) => refused.push(reason) });
  expect(refused).toEqual(["unreadable_frame"]);
  expect(report.problems).toMatchObject([{ line: 3 }]);
  expect(report.warnings).toContain("bybit: ids that say no symbol were left out: ODDNAME");
  expect(report.notes).toEqual({ ignored: 2 });
  expect(ofKind(ticks, "depth").map(({ symbol }) => symbol)).toEqual(["BTC/USDC:USDC"]);
});

it("a trade without a side is refused as ccxt shows it, and counted", async () => {
  const refused: { reason: string; text: string }[] = [];
  const pairs = tardisPairs("gemini").filter(({ message }) => (message as { side?: string }).side === "block");
  expect(pairs).toHaveLength(1);
  const { ticks, report } = await replayed({
    ...{ files: [asTardis(pairs)], venue: "gemini" },
    onRefused: ({ reason, text }) => refused.push({ reason, text }),
  });
  expect(ofKind(ticks, "trade")).toEqual([]);
  expect(refused).toMatchObject([{ reason: "trade_incomplete" }]);
  expect(JSON.parse(refused[0]!.text)).toMatchObject({ side: "block" });
  expect(report.problemCount).toBe(1);
});

it("frames of an exchange that nothing here reads are told with the names of those that are", async () => {
  const path = folder.path("upbit");
  writeFileSync(path, '{"t":"header","exchange":"UPBIT"}\n{"t":"recv","conn":"ws.1","ts":1767225600,"data":"{}"}\n');
  await expect(replayed({ files: [path] })).rejects.toMatchObject({ code: "TP_REPLAY_VENUE_UNKNOWN" });
  await expect(replayed({ files: [path] })).rejects.toThrow(/of "upbit".*binance.*bybit/);
});
