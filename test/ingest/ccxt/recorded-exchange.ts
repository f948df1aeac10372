import { CcxtMarket } from "../../../ingest/ccxt/ccxt-market.js";
import { exactExchange } from "../../../ingest/ccxt/exact-exchange.js";
import { ccxtSettings } from "../../../ingest/ccxt/settings.js";
import { watchesOf } from "../../../ingest/ccxt/streams.js";
import { instrumentTick } from "../../../ingest/ccxt/ticks.js";
import { type WatchFault, WatchLoop } from "../../../ingest/ccxt/watch-loop.js";
import { OfflineSockets } from "../../../ingest/replay/ccxt/offline-sockets.js";
import type { FeedKind } from "../../../ingest/venue.js";
import type { RawTick } from "../../../schemas/ticks.js";

/** A market as ccxt describes it, of the parts that its handlers look at. */
export function market(id: string, symbol: string, more: Readonly<Record<string, unknown>> = {}) {
  const [pair = "", settle] = symbol.split(":");
  const [base, quote] = pair.split("/");
  const kind = settle === undefined ? "spot" : "swap";
  return {
    id,
    lowercaseId: id.toLowerCase(),
    symbol,
    base,
    quote,
    baseId: base,
    quoteId: quote,
    settle,
    type: kind,
    spot: kind === "spot",
    swap: kind === "swap",
    future: false,
    option: false,
    contract: kind === "swap",
    linear: kind === "swap" ? settle === quote : undefined,
    inverse: kind === "swap" ? settle !== quote : undefined,
    contractSize: kind === "swap" ? 1 : undefined,
    active: true,
    precision: { price: "0.00000001", amount: "0.00000001" },
    limits: {},
    info: {},
    ...more,
  };
}

export interface RecordedExchangeOptions {
  readonly id: string;
  readonly markets: readonly ReturnType<typeof market>[];
  readonly kinds: readonly FeedKind[];
  readonly settings?: Readonly<Record<string, unknown>>;
  /**
   * Sockets by address as ccxt opens them, else one for all; a frame goes to the socket that has sent this text
   * (`feed`).
   */
  readonly apart?: boolean;
  /** What the exchange answers to what ccxt sends. */
  readonly answer?: (sent: string) => readonly string[];
  /** The recorded answer of REST to a URL. */
  readonly rest?: (url: string) => string | undefined;
}

/**
 * An exchange of ccxt as the plant uses it, but for its sockets: ccxt's own watch methods, clients and handlers, into
 * which recorded frames are fed.
 */
export async function recordedExchange(options: RecordedExchangeOptions) {
  const { id, markets, kinds, answer, rest } = options;
  const settings = ccxtSettings(id, options.settings ?? {});
  const unreadable: { text: string; error: unknown }[] = [];
  let now = 1;
  const exact = await exactExchange(id, settings, () => now, {
    unreadable: (text, error) => unreadable.push({ text, error }),
  });
  const { ccxt } = exact;
  ccxt.setMarkets(markets);
  const sockets = new OfflineSockets(ccxt, { answer, rest, together: options.apart !== true });
  const socketOf = (sent: string) =>
    sockets.all().find((one) => options.apart !== true || one.sent.some((text) => text.includes(sent)))?.client;
  const ticks: RawTick[] = [];
  const refused: string[] = [];
  const faults: { kinds: readonly FeedKind[]; fault: WatchFault; error: Error }[] = [];
  const abort = new AbortController();
  const byMarket = markets.map(({ symbol }) => {
    const { watches, absent } = watchesOf(ccxt, symbol, kinds, settings.snapshotLevels);
    const taken = new CcxtMarket({
      exchange: id,
      instrument: instrumentTick(ccxt, ccxt.markets![symbol]!, now),
      kinds: watches.flatMap((watch) => watch.kinds),
      publish: (tick) => ticks.push(tick) > 0,
      refuse: (reason) => refused.push(reason),
      snapshotEvery: Number.MAX_SAFE_INTEGER,
      tradesLimit: settings.tradesLimit,
    });
    const loops = watches.map(
      ({ watch, take, kinds: carried }) =>
        new WatchLoop({
          watch,
          take: (value) => take(taken, value, exact.receiveTime),
          fault: (fault, error) => {
            faults.push({ kinds: carried, fault, error: error as Error });
            for (const kind of carried) taken.interrupted(kind, fault, now);
          },
          signal: abort.signal,
          backoff: { baseMs: 1, capMs: 1 },
        }),
    );
    return { market: taken, loops, absent };
  });
  for (const { loops } of byMarket) for (const loop of loops) void loop.run();
  await sockets.settle();

  return {
    ccxt,
    ticks,
    refused,
    faults,
    unreadable,
    markets: byMarket,
    /**
     * @param receiveTime µs
     * @param sent what the socket has sent to which it comes, where sockets are apart
     */
    async feed(data: string | Uint8Array, receiveTime: number, sent = ""): Promise<void> {
      now = receiveTime;
      for (let turn = 0; socketOf(sent) === undefined && turn < 400; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const client = socketOf(sent);
      if (client === undefined)
        throw new Error(`ccxt has sent nothing of ${sent}: ${faults.map(({ error }) => error.message).join("; ")}`);
      client.onMessage({ data });
      await sockets.settle();
    },
    /** A frame, and as many turns of promises as ccxt's watchers take to see it: without a turn of the event loop. */
    async feedNow(data: string, sent: string): Promise<void> {
      const before = ticks.length;
      socketOf(sent)!.onMessage({ data });
      for (let turn = 0; turn < promiseTurns && ticks.length === before; turn++) await undefined;
    },
    async stop(): Promise<void> {
      abort.abort();
      for (const client of Object.values(ccxt.clients)) client.reject(new Error("the recording ends"));
      // nobody waits for the loops: a call of ccxt may be amid what no recording brings
      await sockets.settle();
    },
  };
}

/** More than any of its watchers takes. */
const promiseTurns = 40;
