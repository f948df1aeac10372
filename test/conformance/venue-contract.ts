import { afterAll, describe, expect, it } from "vitest";
import type { Dialect } from "../../ingest/simulator/dialect.js";
import type { DialectName } from "../../ingest/simulator/dialects.js";
import type { ConnectionPlan, FeedKind } from "../../ingest/venue.js";
import type { VenueSettings } from "../../ingest/venues/index.js";
import type { DepthTick, InstrumentTick, QuoteTick } from "../../schemas/ticks.js";
import { bookOf, liveRig, sameLevels, until } from "../ingest/live-rig.js";

/** A connector, and the simulated exchange that speaks its venue's protocol. */
export interface VenueSubject {
  /** Its id. */
  readonly venue: string;
  /** The simulator's, or one of the test's own. */
  readonly dialect: DialectName | Dialect;
  readonly settings?: VenueSettings;
  /** Its name in the table, where another connector of the same venue stands there too. */
  readonly name?: string;
  /** Takes the venue in in another way than by its own connector. */
  readonly source?: NonNullable<Given[3]>["source"];
  /** Cases for which the venue's protocol has nothing, with the reason. */
  readonly without?: Readonly<Partial<Record<CaseNumber, string>>>;
  /** What the venue has streams of; of everything by default. */
  readonly kinds?: readonly FeedKind[];
  /** How many symbols V02 asks for; 100 by default. */
  readonly many?: number;
  /** How it learns of a lost depth update. */
  readonly gapReason?: "sequence_gap" | "checksum_mismatch";
}

/** The numbered cases. A number keeps its meaning; new cases come at the end. */
export const venueCases = {
  V01: "handshake: instruments first, then up at every address, with the answers to its subscriptions",
  V02: "subscribe in batches: many symbols within the venue's limits, every book right",
  V03: "trades exact: id, price, quantity, side and time of every trade as the venue's",
  V04: "quote: best prices and quantities as the venue's, never crossed",
  V05: "snapshot and increments: the book in the log is the venue's, without a gap",
  V06: "gap: a lost depth update stands in the log as a gap, then a fresh snapshot",
  V07: "checksum mismatch: the book is stale, then right again",
  V08: "duplicate: trades and depth that come twice change nothing",
  V09: "out of order: frames that changed places leave book and trades right",
  V10: "reconnect: books begin anew, missed trades are back-filled over REST and marked",
  V11: "garbage: to the dead letters with its bytes, and nothing stops",
  V12: "rate limit: a refusal of REST is waited for, then all is fetched",
  V13: "planned disconnect: the next connection takes over before the venue closes, nothing is missed",
  V14: "own renewal: before a connection's greatest age the next takes over, nothing is missed",
  V15: "clock skew: the venue's times are kept as they are, and back-fill does not rely on ours",
  V16: "unknown symbol: told, and all others flow",
  V17: "delisted symbol: in the log as such, nothing waits for it, and all others flow",
  V18: "extremes of precision: the smallest ticks and the largest quantities, digit for digit",
  V19: "quiet market: the connection is kept while nothing happens",
} as const;

export type CaseNumber = keyof typeof venueCases;

type Rig = Awaited<ReturnType<typeof liveRig>>;
type Given = Parameters<typeof liveRig>;
type Work = (start: (...given: Given) => Promise<Rig>) => Promise<void>;

const results = new Map<CaseNumber, Map<string, string>>();
/** Why cases do not apply. */
const reasons: string[] = [];

/** The cases as tests of one venue; what they found goes into the table. */
export function venueContract(subject: VenueSubject): void {
  const { venue, dialect, settings = {}, without = {}, name = venue } = subject;
  const source = subject.source && { source: subject.source };

  describe(`conformance of ${name}`, () => {
    for (const number of Object.keys(venueCases) as CaseNumber[]) {
      const why = without[number];
      note(number, name, why === undefined ? "failed" : "–");
      if (why !== undefined) {
        reasons.push(`– ${number} ${name}: ${why}`);
        continue;
      }
      it.concurrent(`${number} ${venueCases[number]}`, async () => {
        const rigs: Rig[] = [];
        const start = async (
          simulated: Given[0] = {},
          options: Given[1] = {},
          own: Given[2] = {},
          more: Given[3] = {},
        ) => {
          const rig = await liveRig(
            { dialect, ...simulated },
            options,
            { ...settings, ...own },
            { venue, ...source, ...more },
          );
          rigs.push(rig);
          await until(() => rig.ingest.isReady, "ready");
          return rig;
        };
        try {
          await cases[number](subject)(start);
          note(number, name, "ok");
        } finally {
          for (const rig of rigs) await rig.stop();
        }
      });
    }
  });
}

/** Prints what was found, a row a case and a column a venue, when all tests of the file are through. */
export function printVenueTable(): void {
  afterAll(() => {
    const venues = [...new Set([...results.values()].flatMap((row) => [...row.keys()]))];
    const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.padEnd(8)).join(" | ")} |`;
    const rows = [...results].map(([number, row]) => {
      return `${line([number, ...venues.map((venue) => row.get(venue) ?? "–")])} ${venueCases[number].split(":")[0]}`;
    });
    console.log(["", line(["case", ...venues]), ...rows, ...reasons, ""].join("\n"));
  });
}

function note(number: CaseNumber, venue: string, result: string): void {
  const row = results.get(number) ?? new Map<string, string>();
  results.set(number, row.set(venue, result));
}

/** Reasons of the gaps after the one with which every session begins. */
function gapsOf(depth: readonly DepthTick[]): (string | undefined)[] {
  const [start, ...gaps] = depth.filter((tick) => tick.action === "gap").map((tick) => tick.reason);
  expect(start).toBe("session_start");
  return gaps;
}

async function noGaps(rig: Rig): Promise<void> {
  for (const symbol of rig.symbols) expect(gapsOf(await rig.depthOf(symbol))).toEqual([]);
}

async function trading(rig: Rig, more = 5): Promise<void> {
  for (const symbol of rig.symbols) {
    const before = (await rig.tradesOf(symbol)).length;
    await until(async () => (await rig.tradesOf(symbol)).length > before + more, `${symbol} trades`);
  }
}

/**
 * Cuts the connections until trades of every symbol were missed and are there: a return may be so quick that there was
 * none meanwhile. @returns how often they were cut
 */
async function cutAndBackfilled(rig: Rig): Promise<number> {
  const complete = async () => {
    for (const symbol of rig.symbols) {
      if (!(await rig.tradesOf(symbol)).some((trade) => trade.backfilled)) return false;
    }
    return true;
  };
  let cuts = 0;
  while (!(await complete())) {
    expect(cuts).toBeLessThan(10);
    cuts += 1;
    await trading(rig);
    const cut = rig.simulator.connections;
    expect(rig.simulator.disconnect()).toBe(cut);
    await until(() => !rig.ingest.isReady, "the loss is noticed");
    await until(() => rig.ingest.isReady, "ready again");
    await trading(rig);
    await rig.settled();
    rig.simulator.resume();
  }
  await trading(rig);
  await rig.settled();
  expect(await rig.dropped("backfill", "not_at_venue")).toBe(0);
  return cuts;
}

/** Long enough that trades are missed meanwhile. */
const slowReturn = { connection: { overlapMs: 300, backoff: { baseMs: 500, capMs: 500 } } };

const cases: Readonly<Record<CaseNumber, (subject: VenueSubject) => Work>> = {
  V01:
    ({ kinds: streams = ["trade", "quote", "ticker", "depth"] }) =>
    async (start) => {
      const rig = await start();
      await trading(rig);
      const wanted = new Set(["instrument", ...streams, "heartbeat"]);
      const kinds = async () => new Set((await rig.ticks()).map(({ kind }) => kind));
      await until(async () => (await kinds()).size >= wanted.size, "ticks of every kind");
      const ticks = await rig.ticks();
      for (const symbol of rig.symbols) expect(ticks.find((tick) => tick.symbol === symbol)?.kind).toBe("instrument");
      expect(await kinds()).toEqual(wanted);
      expect(rig.ingest.feeds().length).toBeGreaterThan(0);
      expect(rig.ingest.feeds().every((feed) => feed.connected)).toBe(true);
      expect(await rig.deadLetters()).toEqual([]);
    },

  V02:
    ({ settings, many = 100 }) =>
    async (start) => {
      const depth = Number(settings?.bookDepth ?? Number.POSITIVE_INFINITY);
      const symbols = Array.from({ length: many }, (_, i) => `C${i}/USDT`);
      const rig = await start({ symbols, rate: 2, ordersPerSide: 20 });
      rig.simulator.pause();
      for (const symbol of rig.symbols) {
        const truth = rig.simulator.book(symbol);
        const same = async () => {
          const book = bookOf(await rig.depthOf(symbol));
          return (
            book.live &&
            sameLevels(book.bids, truth.bids.slice(0, depth)) &&
            sameLevels(book.asks, truth.asks.slice(0, depth))
          );
        };
        await until(same, `${symbol} is right`);
      }
      expect(rig.simulator.closed).toEqual({});
      await noGaps(rig);
    },

  V03: () => async (start) => {
    const rig = await start({ rate: 400 });
    await trading(rig, 100);
    await rig.settled();
    for (const symbol of rig.symbols) {
      const trades = await rig.tradesOf(symbol);
      const truth = new Map(rig.simulator.trades(symbol).map((trade) => [String(trade.id), trade]));
      const found = trades.map(({ tradeId, price, qty, side, exchangeTime }) => ({
        tradeId,
        price,
        qty,
        side,
        exchangeTime,
      }));
      const wanted = trades.map(({ tradeId }) => {
        const { price, qty, side, time } = truth.get(tradeId)!;
        return { tradeId, price, qty, side, exchangeTime: time * 1_000 };
      });
      expect(found).toEqual(wanted);
      expect(found.length).toBeGreaterThan(100);
    }
  },

  V04: () => async (start) => {
    const rig = await start();
    await trading(rig);
    await rig.settled();
    for (const symbol of rig.symbols) {
      const truth = rig.simulator.book(symbol);
      const quotes = async () =>
        (await rig.ticks()).filter((tick): tick is QuoteTick => tick.kind === "quote" && tick.symbol === symbol);
      const last = async () => {
        const { bidPrice, bidQty, askPrice, askQty } = (await quotes()).at(-1)!;
        return JSON.stringify([bidPrice, bidQty, askPrice, askQty]);
      };
      const wanted = JSON.stringify([...truth.bids[0]!, ...truth.asks[0]!]);
      await until(async () => (await last()) === wanted, "the last quote is the venue's");
      const all = await quotes();
      expect(all.length).toBeGreaterThan(5);
      expect(all.filter(({ bidPrice, askPrice }) => Number(bidPrice) >= Number(askPrice))).toEqual([]);
    }
  },

  V05: () => async (start) => {
    const rig = await start({ rate: 400 });
    await trading(rig, 30);
    await rig.settled();
    await noGaps(rig);
    for (const symbol of rig.symbols) {
      const [gap, snapshot, ...increments] = await rig.depthOf(symbol);
      expect([gap?.reason, snapshot?.action]).toEqual(["session_start", "snapshot"]);
      expect(increments.length).toBeGreaterThan(3);
      expect(increments.every(({ action }) => action === "increment")).toBe(true);
      // As readers of the log see it: each update follows on the one before, where there are ids.
      let last = snapshot?.updateId ?? 0;
      for (const { firstUpdateId, updateId, previousUpdateId = firstUpdateId - 1 } of increments) {
        if (updateId === 0) continue;
        expect(previousUpdateId).toBeLessThanOrEqual(last);
        last = updateId;
      }
    }
  },

  V06:
    ({ gapReason }) =>
    async (start) => {
      const rig = await start({ rate: 400 });
      const [symbol, other] = rig.symbols as [string, string];
      await trading(rig);
      // A checksum does not see a lost update whose levels the next one sets anew: then another is lost.
      for (let lost = 0; gapsOf(await rig.depthOf(symbol)).length === 0; lost++) {
        expect(lost).toBeLessThan(10);
        const before = (await rig.depthOf(symbol)).length;
        expect(await rig.simulator.sequenceGap({ symbol })).toBe(true);
        await until(async () => (await rig.depthOf(symbol)).length > before + 3, "depth goes on, or a gap");
      }
      await until(() => rig.ingest.isReady, "right again");
      await rig.settled();
      expect(gapsOf(await rig.depthOf(symbol))).toEqual([gapReason]);
      expect(gapsOf(await rig.depthOf(other))).toEqual([]);
    },

  V07: () => async (start) => {
    const rig = await start();
    const [symbol, other] = rig.symbols as [string, string];
    await trading(rig);
    expect(await rig.simulator.wrongChecksum({ symbol })).toBe(true);
    await until(async () => gapsOf(await rig.depthOf(symbol)).length > 0, "a gap");
    await until(() => rig.ingest.isReady, "right again");
    await rig.settled();
    expect(gapsOf(await rig.depthOf(symbol))).toEqual(["checksum_mismatch"]);
    expect(gapsOf(await rig.depthOf(other))).toEqual([]);
  },

  V08: () => async (start) => {
    const rig = await start();
    await trading(rig);
    for (const kind of ["trade", "depth", "bookTicker"] as const) {
      expect(await rig.simulator.duplicate({ kind })).toBe(true);
    }
    await rig.settled();
    await noGaps(rig);
    for (const symbol of rig.symbols) {
      const ids = (await rig.depthOf(symbol)).filter(({ updateId }) => updateId > 0).map(({ updateId }) => updateId);
      expect(new Set(ids).size).toBe(ids.length);
    }
  },

  V09: () => async (start) => {
    const rig = await start({ rate: 400 });
    await trading(rig);
    expect(await rig.simulator.outOfOrder({ kind: "depth" })).toBe(true);
    expect(await rig.simulator.outOfOrder({ kind: "trade" })).toBe(true);
    await until(() => rig.ingest.isReady, "right again");
    await trading(rig);
    await rig.settled();
  },

  V10: () => async (start) => {
    const rig = await start({ rate: 400 }, slowReturn);
    const cuts = await cutAndBackfilled(rig);
    for (const symbol of rig.symbols) {
      expect(gapsOf(await rig.depthOf(symbol))).toEqual(Array.from({ length: cuts }, () => "reconnect"));
    }
    expect(await rig.dropped("ingest", "disconnect")).toBe(cuts * rig.ingest.feeds().length);
  },

  V11: () => async (start) => {
    const rig = await start();
    await trading(rig);
    for (const form of ["not_json", "truncated", "wrong_shape"] as const) {
      expect(await rig.simulator.garbage({ form })).toBe(true);
    }
    await until(async () => (await rig.deadLetters()).length >= 3, "three dead letters");
    for (const letter of await rig.deadLetters()) {
      expect(letter).toMatchObject({ reason: "unreadable_frame", partition: -1, offset: -1 });
      expect(letter.original.length).toBeGreaterThan(3);
    }
    await rig.settled();
    await noGaps(rig);
    expect(await rig.dropped("ingest", "disconnect")).toBe(0);
  },

  V12: () => async (start) => {
    const rig = await start({ rate: 400 }, { ...slowReturn, rest: { limitPauseMs: 300 } });
    rig.simulator.restError({ status: 429, count: 1 });
    await cutAndBackfilled(rig);
    expect(rig.simulator.faults().restError).toBe(1);
    expect(await rig.deadLetters()).toEqual([]);
  },

  V13: () => async (start) => {
    const rig = await start();
    await trading(rig);
    const connections = rig.simulator.connections;
    expect(rig.simulator.serverShutdown({ closeAfterMs: 1_500 })).toBe(connections);
    await until(() => rig.simulator.connections > connections, "the next connections");
    await until(() => rig.simulator.connections === connections, "the old ones are closed");
    await trading(rig);
    await rig.settled();
    await noGaps(rig);
    expect(await rig.dropped("ingest", "server_shutdown")).toBe(connections);
    expect(await rig.dropped("ingest", "disconnect")).toBe(0);
  },

  V14: () => async (start) => {
    const aged = (plan: ConnectionPlan) => ({ ...plan, maxAgeMs: 700 });
    const rig = await start({}, {}, {}, { plan: aged });
    const feeds = rig.ingest.feeds().length;
    await until(() => rig.simulator.connections > feeds, "the next connection beside the old one");
    await until(() => rig.simulator.connections === feeds, "the old one is closed");
    await trading(rig);
    await rig.settled();
    await noGaps(rig);
    expect(await rig.dropped("ingest", "disconnect")).toBe(0);
  },

  V15: () => async (start) => {
    for (const clockSkewMs of [-180_000, 4_000]) {
      const rig = await start({ rate: 400, clockSkewMs }, slowReturn);
      await cutAndBackfilled(rig);
      const live = (await rig.tradesOf(rig.symbols[0]!)).filter((trade) => !trade.backfilled);
      const truth = new Map(rig.simulator.trades(rig.symbols[0]!).map(({ id, time }) => [String(id), time * 1_000]));
      const known = live.filter(({ tradeId }) => truth.has(tradeId));
      expect(known.length).toBeGreaterThan(10);
      for (const { tradeId, exchangeTime } of known) expect(exchangeTime).toBe(truth.get(tradeId));
      // however late a trade arrives, by its venue's clock it was made before
      const offsets = live.map(({ exchangeTime, receiveTime }) => (exchangeTime - receiveTime) / 1_000 - clockSkewMs);
      expect(Math.max(...offsets)).toBeLessThan(1_000);
    }
  },

  V16: () => async (start) => {
    const rig = await start({}, {}, {}, { symbols: ["NOPE/NADA"] });
    await trading(rig);
    await rig.settled();
    expect((await rig.ticks()).filter(({ symbol, kind }) => symbol === "NOPE/NADA" && kind !== "depth")).toEqual([]);
    expect(rig.ingest.isReady).toBe(true);
  },

  V17: () => async (start) => {
    const symbols = ["BTC/USDT", { symbol: "GONE/USDT", delisted: true }];
    const rig = await start({ symbols });
    const [traded, gone] = rig.symbols as [string, string];
    await until(async () => (await rig.tradesOf(traded)).length > 5, "the other trades");
    const ticks = (await rig.ticks()).filter(({ symbol }) => symbol === gone);
    const instrument = ticks.find((tick): tick is InstrumentTick => tick.kind === "instrument");
    expect(["delisted", "halted"]).toContain(instrument?.status);
    expect(ticks.filter(({ kind }) => kind === "trade")).toEqual([]);
    expect(rig.ingest.isReady).toBe(true);
    expect(await rig.dropped("ingest", "disconnect")).toBe(0);
  },

  V18: () => async (start) => {
    const symbols = [
      { symbol: "TINY/USDT", priceScale: 16, lotScale: 0, referencePrice: 0.000_012_345_678, meanQty: 40_000_000 },
      { symbol: "HUGE/USDT", priceScale: 0, lotScale: 8, referencePrice: 98_765_432, meanQty: 0.000_012 },
      { symbol: "LONG/USDT", priceScale: 12, lotScale: 12, referencePrice: 1_234.5, meanQty: 0.5 },
    ];
    const rig = await start({ symbols });
    await trading(rig);
    await rig.settled();
    await noGaps(rig);
    // Zeros at the end may be left out: it is the longest that tells.
    const decimals = async (symbol: string) =>
      Math.max(...(await rig.tradesOf(symbol)).map(({ price }) => price.replace(/^\d+\.?|0+$/g, "").length));
    const [tiny, huge, long] = rig.symbols as [string, string, string];
    expect(await decimals(tiny)).toBeGreaterThanOrEqual(15);
    expect(await decimals(huge)).toBe(0);
    expect((await rig.tradesOf(huge)).at(-1)!.price).toMatch(/^\d{8}(\.0+)?$/);
    expect(await decimals(long)).toBeGreaterThanOrEqual(11);
  },

  V19: () => async (start) => {
    const quiet = (plan: ConnectionPlan) => ({
      ...plan,
      silenceMs: 2_500,
      ...(plan.ping !== undefined && { ping: { ...plan.ping, everyMs: 200 } }),
    });
    // Short, but of the venue's own kind: what it pings, what it wants to be pinged with, how long it waits.
    const limits = { idleMs: 3_000, maxMessagesPerSecond: 100 };
    const rig = await start({ rate: 20, limits }, {}, {}, { plan: quiet });
    const since = rig.ingest.feeds().map((feed) => feed.since);
    rig.simulator.pause();
    const beats = async () => (await rig.ticks()).filter(({ kind }) => kind === "heartbeat").at(-1)!.receiveTime;
    const begin = await beats();
    await until(async () => (await beats()) > begin + 4_500_000, "4.5 s have passed");
    expect(rig.ingest.feeds().map((feed) => feed.since)).toEqual(since);
    expect(rig.simulator.closed).toEqual({});
    rig.simulator.resume();
    await trading(rig);
    await rig.settled();
    await noGaps(rig);
  },
};
