import type { FeedKind } from "../venue.js";
import type { CcxtMarket } from "./ccxt-market.js";
import type { ExactExchange } from "./exact-exchange.js";
import { drain, unwatch } from "./leave-market.js";
import { type Watch, watchesOf } from "./streams.js";
import { type WatchFault, WatchLoop } from "./watch-loop.js";

export interface MarketStreamsOptions {
  readonly exact: ExactExchange;
  readonly kinds: readonly FeedKind[];
  readonly bookLevels: number | undefined;
  readonly backoff: { readonly baseMs: number; readonly capMs: number };
  readonly guard: (take: () => void) => void;
  readonly fault: (market: CcxtMarket, kinds: readonly FeedKind[], fault: WatchFault, error: unknown) => void;
  readonly signal: AbortSignal;
}

interface Running {
  readonly nativeId: string;
  readonly watches: readonly Watch[];
  readonly loops: readonly WatchLoop<unknown>[];
  readonly runs: Promise<unknown>;
  readonly abort: AbortController;
}

/** Still subscribed, since ccxt can not unsubscribe it, though nobody wants it. */
interface Drained {
  readonly nativeId: string;
  readonly abort: AbortController;
}

/** The running streams of an exchange's markets. */
export class MarketStreams {
  readonly #running = new Map<string, Running>();
  readonly #drained = new Map<string, Drained>();
  /** A symbol goes by another native id while ccxt takes its former subscription for the one that is wanted. */
  #isStale = false;

  constructor(private readonly options: MarketStreamsOptions) {
    options.signal.addEventListener("abort", () => {
      for (const { abort } of [...this.#running.values(), ...this.#drained.values()]) abort.abort();
    });
  }

  get areUp(): boolean {
    for (const { loops } of this.#running.values()) if (!loops.every(({ isUp }) => isUp)) return false;
    return true;
  }

  of(ccxtSymbol: string): ReturnType<typeof watchesOf> {
    const { exact, kinds, bookLevels } = this.options;
    return watchesOf(exact.ccxt, ccxtSymbol, kinds, bookLevels);
  }

  start(market: CcxtMarket, watches: readonly Watch[]): void {
    const { exact, backoff, guard, fault: told } = this.options;
    const { symbol, nativeId } = market.instrument;
    const drained = this.#drained.get(symbol);
    drained?.abort.abort();
    this.#drained.delete(symbol);
    if (drained !== undefined && drained.nativeId !== nativeId) this.#isStale = true;
    const abort = new AbortController();
    const loops = watches.map(
      ({ kinds, watch, take }) =>
        new WatchLoop<unknown>({
          watch,
          take: (value) => guard(() => take(market, value, exact.receiveTime)),
          fault: (fault, error) => told(market, kinds, fault, error),
          signal: abort.signal,
          backoff,
        }),
    );
    const runs = Promise.all(loops.map((loop) => loop.run()));
    this.#running.set(symbol, { nativeId, watches, loops, runs, abort });
  }

  /** Ends a market's loops and subscriptions. */
  async leave(symbol: string): Promise<void> {
    const { exact, signal } = this.options;
    const running = this.#running.get(symbol);
    if (running === undefined) return;
    this.#running.delete(symbol);
    running.abort.abort();
    const ended = await Promise.all(
      running.watches.map(async (watch) => ({ watch, isDone: await unwatch(exact.ccxt, watch, signal) })),
    );
    const left = ended.filter(({ isDone }) => !isDone);
    if (left.length === 0 || signal.aborted) return;
    const abort = new AbortController();
    this.#drained.set(symbol, { nativeId: running.nativeId, abort });
    for (const { watch } of left) void drain(watch, abort.signal);
  }

  /** Connects anew where ccxt would wait for ever on a subscription of a former native id. */
  async renewStale(): Promise<void> {
    if (!this.#isStale) return;
    this.#isStale = false;
    await this.options.exact.ccxt.close();
  }

  /** Resolves when every loop has ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ runs }) => runs));
  }
}
