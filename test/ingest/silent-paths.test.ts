import { describe, expect, it } from "vitest";
import type { StreamKind as SimulatedKind } from "../../ingest/simulator/faults.js";
import { Simulator, type SimulatorOptions } from "../../ingest/simulator/server.js";
import type { FeedKind } from "../../ingest/venue.js";
import { venueOf } from "../../ingest/venues/index.js";
import { liveRig, until } from "./live-rig.js";
import { bitstampDialect } from "./venues/bitstamp-dialect.js";

/** Time of the plant runs so many times as fast, so that its patience is over soon. */
const FASTER = 12;

interface Subject {
  readonly id: string;
  readonly dialect: NonNullable<SimulatorOptions["dialect"]>;
  readonly kinds: readonly FeedKind[];
  /** Of the streams and of the book's, where they are apart. */
  readonly paths?: readonly [string, string];
}

async function withRig(
  { id, dialect, kinds, paths }: Subject,
  silent: readonly SimulatedKind[],
  work: (rig: Awaited<ReturnType<typeof started>>) => Promise<void>,
): Promise<void> {
  const simulator = await Simulator.start({ dialect, symbols: ["BTC/USDT"], rate: 100, keepTrades: "all" });
  simulator.silence(...silent);
  try {
    const rig = await started(simulator, id, kinds, paths);
    await work(rig).finally(() => rig.stop());
  } finally {
    await simulator.stop();
  }
}

async function started(simulator: Simulator, id: string, kinds: readonly FeedKind[], paths: Subject["paths"]) {
  const [wsUrl, wsBookUrl] = paths?.map((path) => `${simulator.wsUrl}${path}`) ?? [simulator.wsUrl];
  const venue = venueOf(id, { restUrl: simulator.url, wsUrl, ...(wsBookUrl !== undefined && { wsBookUrl }) });
  const begun = Date.now();
  const clock = () => (begun + (Date.now() - begun) * FASTER) * 1_000;
  const symbol = id === "binanceusdm" ? "BTC/USDT:USDT" : "BTC/USDT";
  const rig = await liveRig({}, { venues: [{ venue, symbols: [symbol], kinds }], clock, clockBoundMs: 1e12 });
  const late = () => rig.ingest.conditions().filter(({ name }) => name === "stream_late" || name === "feed_silent");
  await until(() => rig.ingest.feeds().every(({ connected }) => connected), "acknowledged");
  return { ...rig, symbol, late };
}

const all = ["trade", "quote", "ticker", "depth"] as const;
const streams: Readonly<Record<FeedKind, readonly SimulatedKind[]>> = {
  trade: ["trade", "aggTrade"],
  quote: ["bookTicker"],
  ticker: ["ticker"],
  depth: ["depth"],
};
const venues: readonly Subject[] = [
  { id: "binance", dialect: "spot", kinds: all },
  { id: "binanceusdm", dialect: "usdm", kinds: all },
  { id: "okx", dialect: "okx", kinds: all },
  { id: "kraken", dialect: "kraken", kinds: all },
  { id: "bitstamp", dialect: bitstampDialect, kinds: ["trade", "quote", "depth"] },
];
const cases = venues.flatMap((subject) =>
  subject.kinds
    // Bitstamp streams no statistics, so nothing tells that there were trades; Kraken's best prices are its ticker's
    .filter(
      (kind) => !(subject.id === "bitstamp" && kind === "trade") && !(subject.id === "kraken" && kind === "quote"),
    )
    .map((kind) => {
      const both = subject.id === "kraken" && kind === "ticker";
      return { ...subject, kind, silent: both ? [...streams.ticker, ...streams.quote] : streams[kind] };
    }),
);

describe("a stream that is acknowledged and stays silent is told", () => {
  it.concurrent.each(cases)("$id: $kind", ({ kind, silent, ...subject }) =>
    withRig(subject, silent, async ({ symbol, late }) => {
      // OKX's trades have a connection of their own, which is silent as a whole
      const own = subject.id === "okx" && kind === "trade";
      const name = own ? "okx trades-1" : `${kind} ${symbol}@${subject.id}`;
      const told = () => late().find((one) => one.subject === name);
      await until(() => told() !== undefined, "it is told", 60_000);
      expect(told()).toMatchObject({ name: own ? "feed_silent" : "stream_late", severity: "not_ready" });
      expect(told()!.reason).toContain(own ? "has brought nothing" : `${kind} of ${symbol} at ${subject.id}`);
    }),
  );
});

describe("USD-M's two paths, as the venue keeps them apart since 2026-04-23", () => {
  const usdm = { id: "binanceusdm", dialect: "usdm", kinds: all } as const;

  it.concurrent("each of the plan's streams comes, on the path that the plan has it on", () =>
    withRig({ ...usdm, paths: ["/market", "/public"] }, [], async ({ ticks, ingest, late }) => {
      const has = async (kind: string) => (await ticks()).some((tick) => tick.kind === kind);
      for (const kind of all) await until(() => has(kind), kind);
      await until(() => ingest.isReady, "ready");
      expect(late()).toEqual([]);
    }));

  it.concurrent("with the paths exchanged all of it is told to be silent", () =>
    withRig({ ...usdm, paths: ["/public", "/market"] }, [], async ({ ticks, late }) => {
      const silent = () => late().filter(({ name }) => name === "feed_silent");
      await until(() => silent().length === 2, "both are told", 60_000);
      expect(silent().map(({ subject }) => subject)).toEqual(["binanceusdm market-1", "binanceusdm book-1"]);
      expect((await ticks()).some(({ kind }) => kind === "trade")).toBe(false);
    }));
});
