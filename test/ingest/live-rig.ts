import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedLog } from "../../infra/log/embedded-log.js";
import { createLogger } from "../../infra/logging.js";
import { Metrics } from "../../infra/metrics.js";
import { type IngestOptions, runIngest, type VenueChoice } from "../../ingest/ingest.js";
import type { AggregateText, TradeText } from "../../ingest/simulator/inspection.js";
import { Simulator, type SimulatorOptions } from "../../ingest/simulator/server.js";
import type { MakeSource } from "../../ingest/source.js";
import type { ConnectionPlan, Venue } from "../../ingest/venue.js";
import { type VenueSettings, venueOf } from "../../ingest/venues/index.js";
import { openCodecs } from "../../schemas/codec.js";
import { EmbeddedRegistry } from "../../schemas/embedded-registry.js";
import type { DeadLetter } from "../../schemas/messages.js";
import { rawBatchType } from "../../schemas/raw-batch-type.js";
import { type RawBatch, tickOfRecord } from "../../schemas/raw-tick-record.js";
import type { DepthTick, RawTick, TradeTick } from "../../schemas/ticks.js";

export const partitions = 3;

/** Which connector reads a dialect. */
export const venueIdOf = { spot: "binance", usdm: "binanceusdm", okx: "okx", kraken: "kraken" } as const;

/** The simulator, the real log and the ingest role between them. */
export async function liveRig(
  simulated: SimulatorOptions = {},
  options: Partial<IngestOptions> = {},
  venueSettings: VenueSettings = {},
  more: {
    /** The connector's id, where the dialect does not say it. */
    readonly venue?: string;
    /** Symbols that are wanted beside those that the simulator lists. */
    readonly symbols?: readonly string[];
    /** Changes the plans of the venue's connections, e.g. for shorter times. */
    readonly plan?: (plan: ConnectionPlan) => ConnectionPlan;
    /** Takes the venue in another way than by its own connector. */
    readonly source?: (
      id: string,
      choice: Omit<VenueChoice, "venue">,
      settings: Readonly<Record<string, unknown>>,
    ) => MakeSource;
  } = {},
) {
  const folder = await mkdtemp(join(tmpdir(), "tickplant-ingest-"));
  const logger = createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "silent" });
  const simulator = await Simulator.start({
    symbols: ["BTC/USDT", "ETH/USDT"],
    rate: 200,
    keepTrades: "all",
    ...simulated,
  });
  const metrics = new Metrics();
  const codecs = await openCodecs(new EmbeddedRegistry());
  const log = await EmbeddedLog.open({ folder, logger, metrics });
  await log.createTopics([
    { name: "market.raw", partitions, cleanup: "delete" },
    { name: "market.dlq", partitions: 1, cleanup: "delete" },
  ]);
  let gate: Promise<void> | undefined;
  let open = () => {};
  const slowLog = new Proxy(log, {
    get(target, name) {
      if (name === "append") {
        return async (records: Parameters<EmbeddedLog["append"]>[0]) => {
          await gate;
          return target.append(records);
        };
      }
      const member = Reflect.get(target, name) as unknown;
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  const { dialect = "spot" } = simulated;
  const id = more.venue ?? (typeof dialect === "string" ? venueIdOf[dialect] : "");
  const suffix = dialect === "usdm" ? ":USDT" : "";
  const symbols = (simulated.symbols ?? ["BTC/USDT", "ETH/USDT"]).map(
    (given) => `${typeof given === "string" ? given : given.symbol}${suffix}`,
  );
  const settings = { restUrl: simulator.url, wsUrl: simulator.wsUrl, ...venueSettings };
  const { plan = (given) => given } = more;
  const choice: Omit<VenueChoice, "venue"> = {
    symbols: [...symbols, ...(more.symbols ?? [])],
    kinds: ["trade", "quote", "ticker", "depth"],
  };
  const planned = (venue: Venue): Venue => ({ ...venue, connections: (want) => venue.connections(want).map(plan) });
  const ingest = runIngest({
    venues: more.source === undefined ? [{ venue: planned(venueOf(id, settings)), ...choice }] : [],
    log: slowLog,
    schemaIds: { "market.raw": codecs["market.raw"].schemaId },
    encodeDeadLetter: (letter) => codecs["market.dlq"].encode(letter),
    metrics,
    logger,
    heartbeatMs: 20,
    connection: { overlapMs: 300, backoff: { baseMs: 20, capMs: 100 } },
    ...(more.source && { sources: [more.source(id, choice, settings)] }),
    ...options,
  });

  const offsets = new Array<number>(partitions).fill(0);
  const found: RawTick[][] = offsets.map(() => []);
  /** All ticks so far, partition by partition. */
  async function ticks(): Promise<RawTick[]> {
    for (let partition = 0; partition < partitions; partition++) {
      for (;;) {
        const records = await log.read("market.raw", partition, offsets[partition]!, 1 << 20);
        for (const record of records) {
          const batch = rawBatchType.fromBuffer(Buffer.from(record.value!.subarray(5))) as RawBatch;
          found[partition]!.push(...batch.ticks.map(tickOfRecord));
          offsets[partition] = record.offset + 1;
        }
        if (records.length === 0) break;
      }
    }
    return found.flat();
  }

  async function depthOf(symbol: string): Promise<DepthTick[]> {
    return (await ticks()).filter((tick): tick is DepthTick => tick.kind === "depth" && tick.symbol === symbol);
  }

  /** Distinct trades of a symbol, by id. */
  async function tradesOf(symbol: string): Promise<TradeTick[]> {
    const byId = new Map<number, TradeTick>();
    for (const tick of await ticks()) {
      if (tick.kind === "trade" && tick.symbol === symbol) byId.set(Number(tick.tradeId), tick);
    }
    return [...byId].sort(([a], [b]) => a - b).map(([, trade]) => trade);
  }

  async function deadLetters(): Promise<(Omit<DeadLetter, "original"> & { original: string })[]> {
    const records = await log.read("market.dlq", 0, 0, 1 << 20);
    return records.map((record) => {
      const letter = codecs["market.dlq"].decode(record.value!);
      return { ...letter, original: Buffer.from(letter.original).toString() };
    });
  }

  async function dropped(place: string, reason: string): Promise<number> {
    const { values } = await metrics.dropped.get();
    return values.find(({ labels }) => labels.place === place && labels.reason === reason)?.value ?? 0;
  }

  /** The book of the log equals the simulator's, and every trade since the first is there. */
  async function equalsVenue(symbol: string): Promise<boolean> {
    const book = bookOf(await depthOf(symbol));
    const native = symbol.replace(suffix, "");
    const truth = simulator.book(native);
    const depth = Number(venueSettings.bookDepth ?? Number.POSITIVE_INFINITY);
    const trades = await tradesOf(symbol);
    const first = Number(trades[0]?.tradeId ?? Number.POSITIVE_INFINITY);
    const sums = trades.some(({ lastTradeId }) => lastTradeId !== undefined);
    const all = sums ? simulator.aggregateTrades(native) : simulator.trades(native);
    const wanted = all.filter((trade) => trade.id >= first);
    return (
      book.live &&
      sameLevels(book.bids, truth.bids.slice(0, depth)) &&
      sameLevels(book.asks, truth.asks.slice(0, depth)) &&
      wanted.length > 0 &&
      JSON.stringify(wanted.map(wordsOfVenue)) === JSON.stringify(trades.map(wordsOfTick))
    );
  }

  return {
    simulator,
    ingest,
    log,
    metrics,
    symbols,
    ticks,
    depthOf,
    tradesOf,
    deadLetters,
    dropped,
    /** The log takes nothing until `goOn`. */
    hang(): void {
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    goOn(): void {
      gate = undefined;
      open();
    },
    /** Stops the market and waits until the log holds all of it. */
    async settled(): Promise<void> {
      simulator.pause();
      for (const symbol of symbols) await until(() => equalsVenue(symbol), `${symbol} equals the venue`);
    },
    async stop(): Promise<void> {
      await ingest.stop();
      await simulator.stop();
      await log.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const wordsOfVenue = (trade: TradeText | AggregateText) => [
  ...[`${trade.id}`, trade.price, trade.qty, trade.side],
  ...("firstId" in trade ? [trade.firstId, trade.lastId] : []),
];
const wordsOfTick = ({ tradeId, price, qty, side, firstTradeId, lastTradeId }: TradeTick) => [
  ...[tradeId, price, qty, side],
  ...(lastTradeId === undefined ? [] : [firstTradeId, lastTradeId]),
];

export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 180_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Folds depth ticks into a book, plainly: what any reader of the log does. */
export function bookOf(ticks: readonly DepthTick[]) {
  const book = { live: false, bids: new Map<string, string>(), asks: new Map<string, string>() };
  for (const tick of ticks) {
    if (tick.action === "gap") {
      book.live = false;
      continue;
    }
    if (tick.action === "snapshot") {
      if (tick.part === 0) {
        book.bids.clear();
        book.asks.clear();
      }
      book.live = tick.part === (tick.parts ?? 1) - 1;
    } else if (!book.live) throw new Error("an increment of a book that is not live");
    for (const [side, levels] of [
      [book.bids, tick.bids],
      [book.asks, tick.asks],
    ] as const) {
      for (const [price, qty] of levels) {
        if (Number(qty) === 0) side.delete(price);
        else side.set(price, qty);
      }
    }
  }
  return book;
}

export function sameLevels(side: ReadonlyMap<string, string>, truth: readonly (readonly [string, string])[]): boolean {
  return side.size === truth.length && truth.every(([price, qty]) => side.get(price) === qty);
}
