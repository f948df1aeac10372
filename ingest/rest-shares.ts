import { setTimeout } from "node:timers/promises";
import type { SymbolName } from "../schemas/words.js";
import { RestFailed } from "./rest-client.js";
import type { Rest } from "./venue.js";

const MINUTE_MS = 60_000;

export interface SharedRest {
  readonly rest: Rest;
  /** The venue's, a minute. */
  readonly weightLimit: number;
  readonly signal: AbortSignal;
  /** ms since the epoch, by which weight is counted; the system's where it is left out. */
  readonly clock?: (() => number) | undefined;
}

interface Shares {
  /** The part of it that all markets together may take: each that asks for some has an equal share of that. */
  readonly part: number;
  /** The first request of a market after a minute without one is not held back and not counted. */
  readonly firstIsFree: boolean;
  /** What is beyond a share waits for the next minute; else it is refused at once, for whoever asks again. */
  readonly waits: boolean;
}

/** A market has spent its share of the venue's weight: it is asked for again in another minute. */
export class ShareSpent extends RestFailed {}

interface Spent {
  minute: number;
  weight: number;
  askedAt: number;
}

/**
 * The venue's REST, shared out by market, so that a few in trouble, which ask again and again, do not spend its weight:
 * others' requests find some in every minute. Weight is counted by calendar minute, as venues do. Where many are in
 * trouble each has the less; one request a minute each has anyway while the share of all lasts.
 */
export class RestShares {
  readonly #markets = new Map<SymbolName, Spent>();
  readonly #now: () => number;
  #minute = 0;
  #weight = 0;
  #asking = new Set<SymbolName>();
  #askingBefore = 0;

  private constructor(private readonly options: SharedRest & Shares) {
    this.#now = options.clock ?? Date.now;
  }

  /** Books that are asked for again within a minute take at most half of the weight. */
  static ofSnapshots(shared: SharedRest): RestShares {
    return new RestShares({ ...shared, part: 0.5, firstIsFree: true, waits: false });
  }

  /** Back-fills leave something to books and instruments; what is beyond that waits. */
  static ofBackfills(shared: SharedRest): RestShares {
    return new RestShares({ ...shared, part: 0.75, firstIsFree: false, waits: true });
  }

  /** The venue's REST for one market. Its requests throw ShareSpent, too. */
  of(symbol: SymbolName): Rest {
    const { rest, waits, signal } = this.options;
    return {
      get: async (path, query, weight) => {
        let taken = this.#take(symbol, weight);
        for (; taken === "spent"; taken = this.#take(symbol, weight)) {
          if (!waits) throw new ShareSpent(path, "its market's share of the venue's weight is spent for this minute");
          const now = this.#now();
          await setTimeout(MINUTE_MS - (now % MINUTE_MS) + 10, undefined, { signal, ref: false });
        }
        // one that is asked for again anyway is not tried again by the client as well
        return taken === "again" && !waits ? rest.get(path, query, weight, 0) : rest.get(path, query, weight);
      },
    };
  }

  #take(symbol: SymbolName, weight: number): "first" | "again" | "spent" {
    const { weightLimit, part, firstIsFree } = this.options;
    const now = this.#now();
    this.#turn(now);
    const known = this.#markets.get(symbol);
    const spent = known ?? { minute: this.#minute, weight: 0, askedAt: Number.NEGATIVE_INFINITY };
    if (known === undefined) this.#markets.set(symbol, spent);
    const isFirst = now - spent.askedAt >= MINUTE_MS;
    // also where it is refused: its trouble goes on
    spent.askedAt = now;
    if (isFirst && firstIsFree) return "first";
    this.#asking.add(symbol);
    if (spent.minute !== this.#minute) {
      spent.minute = this.#minute;
      spent.weight = 0;
    }
    const forAll = part * weightLimit;
    const share = forAll / Math.max(this.#asking.size, this.#askingBefore);
    const fits = spent.weight === 0 || spent.weight + weight <= share;
    const allFit = this.#weight === 0 || this.#weight + weight <= forAll;
    if (!fits || !allFit) return "spent";
    spent.weight += weight;
    this.#weight += weight;
    return "again";
  }

  #turn(now: number): void {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute === this.#minute) return;
    this.#askingBefore = minute === this.#minute + 1 ? this.#asking.size : 0;
    this.#asking = new Set();
    this.#minute = minute;
    this.#weight = 0;
  }
}
