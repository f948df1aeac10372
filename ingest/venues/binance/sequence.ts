import { bookStep } from "../../../schemas/book-order.js";
import type { DepthTick } from "../../../schemas/ticks.js";
import type { BookSequence } from "../../venue.js";

/**
 * Binance's rule for keeping a local book, as a state machine over `bookStep`.
 *
 * Spot: an event covers the ids U to u; drop those with u <= lastUpdateId of the snapshot, the first one left has
 * U <= lastUpdateId + 1 <= u, and each next one has U = the previous u + 1.
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#how-to-manage-a-local-order-book-correctly
 *
 * USD-M and COIN-M: ids are shared by all symbols, so an event names the id it follows, pu. Drop those with
 * u < lastUpdateId; the first event has U <= lastUpdateId <= u, and each next one has pu = the previous u. So one that ends
 * at the snapshot's own id counts: the snapshot may be without it.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/How-to-manage-a-local-order-book-correctly
 */
export class BinanceBookSequence implements BookSequence {
  private last = -1;
  private fresh = false;

  snapshot(tick: DepthTick): "apply" {
    this.last = tick.updateId;
    this.fresh = true;
    return "apply";
  }

  next(tick: DepthTick): "apply" | "skip" | "gap" {
    if (this.last < 0) return "gap";
    const step = bookStep(tick, this.last, this.fresh);
    if (step !== "apply") return step;
    this.last = tick.updateId;
    this.fresh = false;
    return "apply";
  }
}
