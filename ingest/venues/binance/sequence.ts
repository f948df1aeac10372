import type { DepthTick } from "../../../schemas/ticks.js";
import type { BookSequence } from "../../venue.js";

/**
 * Binance's rule for keeping a local book, as a state machine.
 *
 * Spot: an event covers the ids U to u; drop those with u <= lastUpdateId of the snapshot, the first one left has
 * U <= lastUpdateId + 1 <= u, and each next one has U = the previous u + 1.
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#how-to-manage-a-local-order-book-correctly
 *
 * USD-M and COIN-M: ids are shared by all symbols, so an event names the id it follows, pu. Drop those with
 * u < lastUpdateId; the first event has U <= lastUpdateId <= u, and each next one has pu = the previous u. So one that ends
 * at the snapshot's own id counts: the snapshot may be without it.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/How-to-manage-a-local-order-book-correctly
 *
 * Both say one thing: an event carries all changes after `previous` (U - 1, or pu) up to u. So it may be applied when
 * `previous` is not beyond what the book has, and is contained when u is not (futures: right after a snapshot when u is
 * less). Quantities are absolute, hence an event
 * that overlaps (the first after a snapshot; two sockets during a planned reconnect) is applied whole. On futures a
 * snapshot's id may also lie between two events (pu <= lastUpdateId < U), where nothing is missing either.
 */
export class BinanceBookSequence implements BookSequence {
  private last = -1;
  private fresh = false;

  constructor(private readonly namesPrevious: boolean) {}

  snapshot(tick: DepthTick): "apply" {
    this.last = tick.updateId;
    this.fresh = true;
    return "apply";
  }

  next(tick: DepthTick): "apply" | "skip" | "gap" {
    if (this.last < 0) return "gap";
    const isFirstAtId = tick.updateId === this.last && this.fresh && this.namesPrevious;
    if (tick.updateId <= this.last && !isFirstAtId) return "skip";
    if (this.previousOf(tick) > this.last) return "gap";
    this.last = tick.updateId;
    this.fresh = false;
    return "apply";
  }

  private previousOf(tick: DepthTick): number {
    const before = tick.firstUpdateId - 1;
    if (!this.namesPrevious || tick.previousUpdateId === undefined) return before;
    return this.fresh ? Math.min(tick.previousUpdateId, before) : tick.previousUpdateId;
  }
}
