import type { TradeTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";

/**
 * The trades of one symbol that were published last, by id: what comes again (exchanges send the last ones with each
 * subscription) is let go, and what is fetched is held against it.
 */
export class RecentTrades {
  /** Exchange time by id, in the order they came. */
  private readonly ids = new Map<string, Micros>();
  /** Exchange time of the newest. */
  newest: Micros = 0;

  constructor(private readonly limit: number) {}

  get isEmpty(): boolean {
    return this.ids.size === 0;
  }

  /** Exchange time of the one that has been known longest: what is newer is either known or was never taken in. */
  get oldest(): Micros {
    for (const time of this.ids.values()) return time;
    return 0;
  }

  has(tradeId: string): boolean {
    return this.ids.has(tradeId);
  }

  add({ tradeId, exchangeTime }: TradeTick): void {
    if (exchangeTime > this.newest) this.newest = exchangeTime;
    if (tradeId === "") return;
    this.ids.set(tradeId, exchangeTime);
    if (this.ids.size <= this.limit) return;
    for (const oldest of this.ids.keys()) {
      this.ids.delete(oldest);
      return;
    }
  }
}
