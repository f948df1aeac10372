import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ccxtSource } from "../../../ingest/ccxt/ccxt-source.js";
import type { FeedKind } from "../../../ingest/venue.js";
import { liveRig, until } from "../live-rig.js";
import { silentExchange } from "./silent-exchange.js";
import { type SilentVenue, silentVenues } from "./silent-venues.js";

/** Time of the plant runs so many times as fast, so that its patience is over soon. */
const FASTER = 12;

async function started(venue: SilentVenue, moving: readonly string[] = []) {
  const exchange = await silentExchange(venue, moving);
  const begun = Date.now();
  const clock = () => (begun + (Date.now() - begun) * FASTER) * 1_000;
  const { id, symbol, options = {} } = venue;
  const source = ccxtSource({
    ...{ id, symbols: [symbol], kinds: ["trade", "quote", "ticker", "depth"] },
    settings: { restUrl: exchange.restUrl, wsUrl: exchange.wsUrl, options },
    ...{ snapshotEvery: 300_000_000, backfill: false, backoff: { baseMs: 50, capMs: 200 } },
  });
  const rig = await liveRig({ symbols: ["BTC/USDT"], rate: 1 }, { venues: [], sources: [source], clock });
  const late = () => rig.ingest.conditions().filter(({ name }) => name === "stream_late");
  const subject = (kind: string) => `${kind} ${symbol}@${id}`;
  const stop = async () => {
    await rig.stop();
    await exchange.stop();
  };
  return { ...rig, exchange, late, subject, stop };
}

describe("a stream through ccxt that is acknowledged and stays silent is told", () => {
  it.concurrent.each(silentVenues)("$id $symbol", async (venue) => {
    const { exchange, late, subject, stop } = await started(venue);
    const kinds = Object.keys(venue.streams);
    try {
      await until(() => late().length >= kinds.length, "all are told", 60_000);
      expect(exchange.unanswered).toEqual([]);
      expect([...exchange.asked].sort()).toEqual([...new Set(Object.values(venue.streams))].sort());
      expect(
        late()
          .map((one) => one.subject)
          .sort(),
      ).toEqual(kinds.map(subject).sort());
      for (const { severity, reason } of late()) {
        expect(severity).toBe("not_ready");
        expect(reason).toContain("was acknowledged and never spoke");
      }
    } finally {
      await stop();
    }
  });

  const [bybit] = silentVenues as [SilentVenue];
  const names = Object.entries(bybit.streams).map(
    ([kind, stream]) => [kind as FeedKind, stream.split(" ")[1]!] as const,
  );

  it.concurrent.each(names)("%s alone, while the others move", async (kind, silent) => {
    const moving = names.map(([, name]) => name).filter((name) => name !== silent);
    const { exchange, late, subject, ticks, stop } = await started(bybit, moving);
    try {
      await until(() => late().length > 0, "it is told", 60_000);
      expect(late()).toMatchObject([{ subject: subject(kind), severity: "not_ready" }]);
      expect(exchange.asked.size).toBe(names.length);
      const came = new Set((await ticks()).filter((tick) => "symbol" in tick).map((tick) => tick.kind));
      for (const [other] of names) if (other !== kind) expect(came).toContain(other);
    } finally {
      await stop();
    }
  });
});

/** `| venue | symbol | kind | path and name | …`, where an empty cell is the one above. */
function documented(): string[] {
  const rows: string[] = [];
  let above: string[] = [];
  for (const line of readFileSync("docs/venues.md", "utf8")
    .split("## Through ccxt")[1]!
    .split("\n## ")[0]!
    .split("\n")) {
    if (!line.startsWith("| ")) continue;
    const cells = line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("`", ""));
    above = cells.map((cell, at) => (cell === "" && at < 2 ? (above[at] ?? "") : cell));
    const [id, symbol, kinds = "", stream] = above;
    for (const kind of kinds.split(", ")) rows.push(`${id} ${symbol} ${kind} ${stream}`);
  }
  return rows;
}

it("docs/venues.md names each of these streams as it is asked for, and no other", () => {
  const asked = silentVenues.flatMap(({ id, symbol, streams }) =>
    Object.entries(streams).map(([kind, stream]) => `${id} ${symbol} ${kind} ${stream}`),
  );
  const rows = documented().filter((row) => !/^(ccxt's id|-)/.test(row));
  expect(rows.sort()).toEqual(asked.sort());
});
