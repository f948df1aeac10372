import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { recording } from "../../recordings.js";
import { ofKind, replayed, temporaryFolder } from "./collected.js";

const folder = temporaryFolder();

/** As tardis writes it: the time to 100 ns, a snapshot of REST as a message of the stream. */
function asTardis(line: string, symbol: string, write: (time: string, message: string) => string): string {
  const nanos = BigInt(line.slice(0, 19));
  const seconds = new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  const time = `${seconds}.${String(nanos % 1_000_000_000n)
    .padStart(9, "0")
    .slice(0, 7)}Z`;
  const text = line.slice(20);
  const message = text.startsWith('{"lastUpdateId"')
    ? `{"stream":"${symbol}@depthSnapshot","generated":true,"data":${text}}`
    : text;
  return write(time, message);
}

const writers = {
  "slices of the API": (time: string, message: string) => `${time} ${message}`,
  "lines of tardis-machine": (time: string, message: string) => `{"localTimestamp":"${time}","message":${message}}`,
};

describe.each([
  ["binance", "btcusdt", "hftbacktest/spot/btcusdt_20240808.gz"],
  ["binanceusdm", "btcusdt", "hftbacktest/usdm/btcusdt_20240808.gz"],
])("a recording of %s", (venue, symbol, name) => {
  const file = recording(name);
  const lines = gunzipSync(readFileSync(file)).toString("utf8").trimEnd().split("\n").slice(0, 12_000);

  it.each(Object.entries(writers))("as %s gives the ticks that it gives otherwise", async (_form, write) => {
    const plain = folder.path("plain");
    writeFileSync(plain, lines.join("\n"));
    const truth = await replayed({ files: [plain], venue });
    const rewritten = folder.path("tardis");
    writeFileSync(rewritten, lines.map((line) => asTardis(line, symbol, write)).join("\n"));
    const { ticks, report } = await replayed({ files: [rewritten], venue });
    expect(report.problems).toEqual([]);
    expect(ofKind(ticks, "depth").filter(({ action }) => action === "snapshot")).toHaveLength(1);
    expect(ofKind(ticks, "trade").length).toBeGreaterThan(500);
    expect(ticks).toEqual(truth.ticks);
  });

  it.each(Object.entries(writers))(
    "in %s an empty line is a disconnect: its book has a gap there",
    async (_form, write) => {
      const cut = lines.map((line) => asTardis(line, symbol, write));
      cut.splice(8_000, 0, "");
      const path = folder.path("cut");
      writeFileSync(path, cut.join("\n"));
      const { ticks, report } = await replayed({ files: [path], venue });
      expect(report.problems).toEqual([]);
      expect(ofKind(ticks, "depth").filter(({ action }) => action === "gap")).toMatchObject([{ reason: "reconnect" }]);
      expect(ofKind(ticks, "heartbeat").some(({ feeds }) => feeds.some(({ connected }) => !connected))).toBe(true);
    },
  );
});

interface Recorded {
  readonly localTimestamp: string;
  readonly message: unknown;
  readonly expected?: readonly { type: string; id?: string; price?: number; amount?: number; side?: string }[];
}

it("trades of single messages are those that tardis itself makes of them", async () => {
  const all = JSON.parse(gunzipSync(readFileSync(recording("tardis-node/raw-to-normalised.json.gz"))).toString());
  const venues = [
    ["binance", "binance"],
    ["binance-futures", "binanceusdm"],
    ["bitstamp", "bitstamp"],
    ["okex", "okx"],
  ] as const;
  let compared = 0;
  for (const [theirs, venue] of venues) {
    for (const { localTimestamp, message, expected = [] } of all[theirs] as Recorded[]) {
      const wanted = expected.filter(({ type, id }) => type === "trade" && id !== undefined);
      // older messages of OKX are of an interface that ended
      if (wanted.length === 0 || "table" in (message as object)) continue;
      const path = folder.path("one");
      writeFileSync(path, `${JSON.stringify({ localTimestamp, message })}\n`);
      const { ticks } = await replayed({ files: [path], venue });
      const found = ofKind(ticks, "trade").map(({ tradeId, price, qty, side }) => [tradeId, +price, +qty, side]);
      expect(found, JSON.stringify(message)).toEqual(
        wanted.map(({ id, price, amount, side }) => [id, price, amount, side]),
      );
      compared += found.length;
    }
  }
  expect(compared).toBeGreaterThanOrEqual(6);
});

it("lines that are of neither form are told, and no venue is guessed", async () => {
  const path = folder.path("odd");
  const good = '2024-08-08T23:54:13.9370857Z {"stream":"btcusdt@ticker","data":{}}';
  writeFileSync(path, `${good}\n2024-08-08 23:54:14 {}\n{"localTimestamp":"yesterday","message":{}}\n`);
  const { report } = await replayed({ files: [path], venue: "binance" });
  expect(report.problems.map(({ line }) => line)).toEqual([2, 3]);
  expect(report.problems[0]!.why).toMatch(/^expected `<time> <message>`/);
  expect(report.problems[1]!.why).toBe("yesterday is no time of UTC with its decimals");
  await expect(replayed({ files: [path] })).rejects.toMatchObject({ code: "TP_REPLAY_VENUE_UNSAID" });
});
