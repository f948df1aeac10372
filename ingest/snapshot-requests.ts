import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { InstrumentTick } from "../schemas/ticks.js";
import type { SymbolName } from "../schemas/words.js";
import { type RestShares, ShareSpent } from "./rest-shares.js";
import type { RestAnswer, Venue } from "./venue.js";

export interface SnapshotRequestsOptions {
  readonly venue: Venue;
  readonly shares: Pick<RestShares, "of">;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** The answer goes the way of every frame. */
  readonly take: (answer: RestAnswer) => void;
}

/** Asks a venue's REST for snapshots of books, one at a time for each symbol, within its share of the venue's weight. */
export class SnapshotRequests {
  /** By symbol, the request that is under way. */
  private readonly asked = new Map<SymbolName, Promise<RestAnswer>>();

  constructor(private readonly options: SnapshotRequestsOptions) {}

  /** An answer that does not come is asked for again by the book that waits for it. */
  ask(instrument: InstrumentTick): void {
    const { venue, shares, metrics, logger, signal, take } = this.options;
    const { symbol } = instrument;
    if (this.asked.has(symbol) || signal.aborted) return;
    const request = venue.snapshot?.(shares.of(symbol), instrument);
    if (request === undefined) return;
    this.asked.set(symbol, request);
    const isOver = () => this.asked.get(symbol) === request && this.asked.delete(symbol);
    request.then(
      (answer) => {
        if (isOver()) take(answer);
      },
      (error: unknown) => {
        if (!isOver()) return;
        if (error instanceof ShareSpent) metrics.dropped.inc({ place: "ingest", reason: "snapshot_share_spent" });
        else if (!signal.aborted)
          logger.warn({ why: (error as Error).message, symbol }, "no snapshot; it is asked for again");
      },
    );
  }

  /** The stream of the book has ended: what is under way may be of before its next begins, and is not taken. */
  forget(symbol: SymbolName): void {
    this.asked.delete(symbol);
  }
}
