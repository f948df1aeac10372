import { describe, expect, it } from "vitest";
import { compare } from "./compared.js";
import { bytesOf, cryptofeed, digits, textOf } from "./cryptofeed.js";
import { recordedExchange } from "./recorded-exchange.js";
import { type RecordedSubject, recordedSubjects } from "./recorded-exchanges.js";
import { Truth } from "./truth.js";

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
    expect(compare(subject, truth, ticks)).toBeGreaterThan(3);
  });
});
