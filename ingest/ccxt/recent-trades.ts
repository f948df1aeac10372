import type { TradeTick } from "../../schemas/ticks.js";
import { isSameTime } from "../../schemas/time-resolution.js";
import { decimalsOf, formatUnits, parseUnits } from "../../schemas/units.js";
import type { DecimalText, Micros } from "../../schemas/words.js";

interface Fill {
  /** Price, quantity and side. */
  readonly content: string;
  readonly time: Micros;
}

/** How a copy of a trade came. */
export interface CopyOf {
  /** The exchange gave its time; else it is that of arrival. */
  readonly isTimed: boolean;
  /** It was asked of REST: never new for its time alone. */
  readonly isFetched: boolean;
}

/**
 * The trades of one symbol that were taken in last, by their ids. What an exchange sends again (many send their last ones
 * with each subscription) is let go, and what is fetched is held against it. One id may be that of several fills: two
 * that differ in price, quantity or side, or in time by more than it is written with, are two.
 */
export class RecentTrades {
  /** Of each id in the order they came. */
  private readonly ids = new Map<string, Fill[]>();
  /** Ids in the order that their fills came, as a ring once it is full. */
  private readonly order: string[] = [];
  private oldestAt = 0;
  /** Exchange time of the newest. */
  newest: Micros = 0;

  /** @param limit fills that are remembered, of all ids together: an exchange may give one id to all of them */
  constructor(private readonly limit: number) {}

  get isEmpty(): boolean {
    return this.ids.size === 0;
  }

  /** Exchange time of the one that has been known longest: what is newer is either known or was never taken in. */
  get oldest(): Micros {
    return this.ids.get(this.order[this.oldestAt] ?? "")?.[0]?.time ?? 0;
  }

  has(trade: TradeTick, { isTimed, isFetched }: CopyOf): boolean {
    const fills = this.ids.get(trade.tradeId);
    if (fills === undefined) return false;
    const content = contentOf(trade);
    const anyTime = isFetched || !isTimed;
    return fills.some((fill) => fill.content === content && (anyTime || isSameTime(fill.time, trade.exchangeTime)));
  }

  add(trade: TradeTick): void {
    const { tradeId, exchangeTime } = trade;
    if (exchangeTime > this.newest) this.newest = exchangeTime;
    if (tradeId === "") return;
    const fill = { content: contentOf(trade), time: exchangeTime };
    const fills = this.ids.get(tradeId);
    if (fills === undefined) this.ids.set(tradeId, [fill]);
    else fills.push(fill);
    if (this.order.length < this.limit) this.order.push(tradeId);
    else {
      this.forget(this.order[this.oldestAt]!);
      this.order[this.oldestAt] = tradeId;
      this.oldestAt = (this.oldestAt + 1) % this.limit;
    }
  }

  private forget(id: string): void {
    const fills = this.ids.get(id)!;
    fills.shift();
    if (fills.length === 0) this.ids.delete(id);
  }
}

function contentOf({ price, qty, side }: TradeTick): string {
  return `${canonical(price)} ${canonical(qty)} ${side}`;
}

/** REST and stream may write one value in two ways. */
function canonical(text: DecimalText): DecimalText {
  try {
    const scale = decimalsOf(text);
    return formatUnits(parseUnits(text, scale), scale);
  } catch {
    return text;
  }
}
