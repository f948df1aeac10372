import type { OracleTick } from "../../schemas/ticks.js";
import type { Micros, SymbolName, VenueId } from "../../schemas/words.js";
import type { SourceParts } from "../source.js";

export interface OracleFeed {
  readonly symbol: SymbolName;
  /** Time from one price to the next at most, and what is allowed beyond. */
  readonly staleAfter: Micros;
}

interface Known {
  readonly feed: OracleFeed;
  last: OracleTick | undefined;
  stale: boolean;
}

const gaugesEvery: Micros = 1_000_000;

/** The prices of one oracle on their way into the log: each once, in the order of their times; and whether they are stale. */
export class OraclePrices {
  readonly #known: ReadonlyMap<SymbolName, Known>;
  /** A feed without any price is stale once one should have come. */
  readonly #since: Micros;
  #gaugesAt: Micros = 0;

  constructor(
    private readonly exchange: VenueId,
    feeds: readonly OracleFeed[],
    private readonly parts: SourceParts,
  ) {
    this.#since = parts.clock();
    this.#known = new Map(feeds.map((feed) => [feed.symbol, { feed, last: undefined, stale: false }]));
  }

  /**
   * Publishes a price that is newer than the last one of its symbol.
   *
   * @param replaces what was published is no longer so (a reorganisation): an older price is right then
   * @returns whether it was published
   */
  take(tick: OracleTick, replaces = false): boolean {
    const known = this.#known.get(tick.symbol);
    if (known === undefined) return this.#drop("unknown_feed");
    const { last } = known;
    if (last !== undefined && isSame(last, tick)) return false;
    if (last !== undefined && !replaces && isOlder(tick, last)) return this.#drop("older");
    if (!this.parts.publisher.publish(tick)) return false;
    known.last = tick;
    this.#judge(known, tick.receiveTime);
    return true;
  }

  /** A price that can not be used: counted, and kept with its reason. */
  refuse(original: string | Uint8Array, reason: string, detail: string, now: Micros): void {
    this.parts.deadLetters.frame(this.exchange, original, reason, detail, now);
  }

  /** The last price that was published of a symbol. */
  last(symbol: SymbolName): OracleTick | undefined {
    return this.#known.get(symbol)?.last;
  }

  onTime(now: Micros): void {
    if (now - this.#gaugesAt < gaugesEvery) return;
    this.#gaugesAt = now;
    for (const known of this.#known.values()) this.#judge(known, now);
  }

  /** Another process has the oracle now, and its gauges. */
  close(): void {
    const { metrics } = this.parts;
    for (const symbol of this.#known.keys()) {
      for (const gauge of [metrics.oracleAge, metrics.oracleStale]) gauge.remove({ exchange: this.exchange, symbol });
    }
  }

  #judge(known: Known, now: Micros): void {
    const { feed, last } = known;
    const { metrics, logger } = this.parts;
    const labels = { exchange: this.exchange, symbol: feed.symbol };
    const age = now - (last?.exchangeTime ?? this.#since);
    const stale = age > feed.staleAfter;
    if (last !== undefined) metrics.oracleAge.set(labels, age / 1_000_000);
    metrics.oracleStale.set(labels, stale ? 1 : 0);
    if (stale === known.stale) return;
    known.stale = stale;
    if (stale) {
      logger.warn(
        { code: "TP_ORACLE_STALE", ...labels, age: age / 1_000_000 },
        "the oracle's price is older than its heartbeat allows, or has not come at all",
      );
    } else logger.info(labels, "the oracle's price is fresh again");
  }

  #drop(reason: string): false {
    this.parts.metrics.dropped.inc({ place: "oracle", reason });
    return false;
  }
}

const isSame = (a: OracleTick, b: OracleTick): boolean =>
  a.roundId === b.roundId && a.exchangeTime === b.exchangeTime && a.price === b.price && a.confidence === b.confidence;

/** Times are whole seconds; within one, rounds and slots count up. */
function isOlder(tick: OracleTick, last: OracleTick): boolean {
  if (tick.exchangeTime !== last.exchangeTime) return tick.exchangeTime < last.exchangeTime;
  const [round, before] = [tick.roundId ?? "", last.roundId ?? ""];
  return round.length === before.length ? round < before : round.length < before.length;
}
