import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { InstrumentTick } from "../schemas/ticks.js";
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
  private readonly asked = new Set<string>();

  constructor(private readonly options: SnapshotRequestsOptions) {}

  /** An answer that does not come is asked for again by the book that waits for it. */
  ask(instrument: InstrumentTick): void {
    const { venue, shares, metrics, logger, signal, take } = this.options;
    const { symbol } = instrument;
    if (this.asked.has(symbol) || signal.aborted) return;
    this.asked.add(symbol);
    venue.snapshot?.(shares.of(symbol), instrument).then(
      (answer) => {
        this.asked.delete(symbol);
        take(answer);
      },
      (error: unknown) => {
        this.asked.delete(symbol);
        if (error instanceof ShareSpent) metrics.dropped.inc({ place: "ingest", reason: "snapshot_share_spent" });
        else if (!signal.aborted)
          logger.warn({ why: (error as Error).message, symbol }, "no snapshot; it is asked for again");
      },
    );
  }
}
