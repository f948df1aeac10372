import type { IndexInputPrice } from "../schemas/messages.js";
import type { Micros } from "../schemas/words.js";
import type { IndexSettings } from "./settings.js";
import type { Json, Operator, SaveState, TaskContext } from "./task/operator.js";
import { OutputStream } from "./task/output-stream.js";
import type { TimerSlot } from "./task/timers.js";
import type { TickerOperator } from "./ticker.js";

interface Forwarded {
  readonly settings: IndexSettings;
  readonly stream: OutputStream;
  readonly slot: TimerSlot;
}

/**
 * Sends what this partition knows of each index's constituents on to the index, at every instant of its grid: an index
 * may span partitions, and only the index's own task sees them all.
 */
export class IndexForwarder implements Operator {
  readonly name = "index-forward";
  readonly #indices: readonly Forwarded[];

  constructor(
    readonly context: TaskContext,
    readonly tickers: TickerOperator,
  ) {
    const mine = (index: IndexSettings) =>
      index.constituents.some(({ symbol }) => context.partitionOf(symbol) === context.partition);
    this.#indices = context.settings.indices.filter(mine).map((settings): Forwarded => {
      const { name } = settings;
      const stream = new OutputStream("index.input", name, "", name, context.task);
      const slot = context.timers.slot(context.order, name, (due) => this.#forward(forwarded, due));
      const forwarded: Forwarded = { settings, stream, slot };
      return forwarded;
    });
  }

  /** The first time that the task sees sets the grid going. */
  onTime(now: Micros): void {
    for (const { settings, slot } of this.#indices) {
      const grid = settings.gridMs * 1000;
      if (slot.due === Number.POSITIVE_INFINITY) this.context.timers.set(slot, now - (now % grid) + grid);
    }
  }

  #forward(forwarded: Forwarded, instant: Micros): void {
    const { context, tickers } = this;
    const { settings, stream, slot } = forwarded;
    const prices = settings.constituents
      .filter(({ symbol }) => context.partitionOf(symbol) === context.partition)
      .map(({ exchange, symbol }): IndexInputPrice => {
        const market = context.markets.find(exchange, symbol);
        const known = market === undefined ? undefined : tickers.priceOf(market);
        return {
          exchange,
          symbol,
          price: known?.price ?? null,
          volume_24h: known?.volume24h ?? null,
          price_time: known?.seen ?? 0,
          feed_down: context.feed(exchange)?.connected === false,
        };
      });
    context.outbox.indexInput(stream, { name: settings.name, source: context.task, log_time: instant, prices });
    context.timers.set(slot, instant + settings.gridMs * 1000);
  }

  save(write: SaveState): void {
    for (const { settings, stream, slot } of this.#indices) {
      const due = slot.due === Number.POSITIVE_INFINITY ? null : slot.due;
      write(settings.name, { stream: stream.save(), due } as unknown as Json);
    }
  }

  load(key: string, value: Json): void {
    const forwarded = this.#indices.find(({ settings }) => settings.name === key);
    if (forwarded === undefined) return;
    const saved = value as unknown as { stream: readonly [number, number]; due: Micros | null };
    if (saved.stream[1] > 0) forwarded.stream.load(saved.stream);
    if (saved.due !== null) this.context.timers.set(forwarded.slot, saved.due);
  }
}
