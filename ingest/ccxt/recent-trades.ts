import type { TradeTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";

/**
 * The trades of one symbol that were published last, by id: what comes again (exchanges send the last ones with each
 * subscription) is let go, and what is fetched is held against it.
 */
export class RecentTrades {
  /** In the order they came. */
  private readonly ids = new Set<string>();
  /** Exchange time of the newest. */
  newest: Micros = 0;

  constructor(private readonly limit: number) {}

  get isEmpty(): boolean {
    return this.ids.size === 0;
  }

  has(tradeId: string): boolean {
    return this.ids.has(tradeId);
  }

  add({ tradeId, exchangeTime }: TradeTick): void {
    if (exchangeTime > this.newest) this.newest = exchangeTime;
    if (tradeId === "") return;
    this.ids.add(tradeId);
    if (this.ids.size <= this.limit) return;
    for (const oldest of this.ids) {
      this.ids.delete(oldest);
      return;
    }
  }
}
