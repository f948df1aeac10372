import { describe, expect, it } from "vitest";
import type { DepthTick } from "../../../schemas/ticks.js";
import { bookOf } from "../live-rig.js";
import { bytesOf, cryptofeed, digits, textOf } from "./cryptofeed.js";
import { recordedExchange } from "./recorded-exchange.js";
import { type RecordedSubject, recordedSubjects } from "./recorded-exchanges.js";
import { plain, sorted, Truth } from "./truth.js";

async function replayed(subject: RecordedSubject) {
  const { file, conn = /./, markets, read, unwrap, restKey, rest } = subject;
  const lines = cryptofeed(file);
  const truth = new Truth(Object.fromEntries(markets.map(({ id, symbol }) => [id, symbol])));
  const answers = new Map<string, string>();
  for (const { t, url = "", data = "" } of lines) {
    const key = t === "http" ? restKey?.(url) : undefined;
    if (key !== undefined && !answers.has(key)) answers.set(key, data);
  }
  for (const [key, data] of answers) read({ ...(digits(data) as object), key }, truth);
  const exchange = await recordedExchange({
    ...subject,
    rest: (url) => rest?.(url) ?? answers.get(restKey?.(url) ?? ""),
  });
  for (const line of lines) {
    if (line.t !== "recv" || !conn.test(line.conn)) continue;
    const text = textOf(line);
    read(digits(text), truth);
    const { sent, data } = unwrap?.(text) ?? { sent: "", data: bytesOf(line) };
    if (unwrap !== undefined && !markets.some(({ lowercaseId }) => sent.startsWith(`${lowercaseId}@`))) continue;
    if (unwrap !== undefined && /kline/.test(sent)) continue;
    await exchange.feed(data, Math.round(line.ts * 1e6), sent);
  }
  await exchange.stop();
  return { exchange, truth };
}

describe.each(recordedSubjects)("recorded frames of $id through ccxt's own handlers", (subject) => {
  it("give the exchange's own digits: trades, best prices, last prices, and the book that its updates make", async () => {
    const { exchange, truth } = await replayed(subject);
    const { ticks, faults, unreadable } = exchange;
    expect(faults.map(({ error }) => error.message)).toEqual([]);
    expect(unreadable).toEqual([]);
    let compared = 0;
    for (const { symbol } of subject.markets) {
      const mine = ticks.filter((tick) => tick.symbol === symbol);
      if (subject.kinds.includes("trade")) {
        const values = mine.flatMap((tick) =>
          tick.kind === "trade" ? [[tick.tradeId, plain(tick.price), plain(tick.qty), tick.side]] : [],
        );
        const wanted = [...(truth.trades.get(symbol) ?? [])].map(([id, rest]) => [id, ...rest]);
        const rows = (all: readonly (readonly string[])[]) => all.map((row) => row.join(" ")).sort();
        expect(rows(values)).toEqual(rows(wanted));
        compared += wanted.length;
      }
      if (subject.kinds.includes("quote")) {
        const values = mine.flatMap((tick) =>
          tick.kind === "quote" ? [[tick.bidPrice, tick.bidQty, tick.askPrice, tick.askQty].map(plain)] : [],
        );
        expect(values).toEqual(truth.quotes.get(symbol) ?? []);
        compared += values.length;
      }
      if (subject.kinds.includes("ticker")) {
        const values = mine.flatMap((tick) => (tick.kind === "ticker" ? [plain(tick.lastPrice)] : []));
        expect(values).toEqual(truth.lastPrices.get(symbol) ?? []);
        compared += values.length;
      }
      if (subject.kinds.includes("depth")) {
        const depth = mine.filter((tick): tick is DepthTick => tick.kind === "depth");
        const { bids, asks, live } = bookOf(depth);
        if (truth.bookSymbols.includes(symbol)) expect(live).toBe(true);
        expect({ bids: sorted(bids), asks: sorted(asks) }).toEqual(truth.book(symbol));
        compared += depth.length;
      }
    }
    expect(compared).toBeGreaterThan(3);
  });
});
