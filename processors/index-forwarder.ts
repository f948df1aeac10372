import type { IndexInputPrice } from "../schemas/messages.js";
import { formatUnits } from "../schemas/units.js";
import type { Micros, SymbolName, VenueId } from "../schemas/words.js";
import type { OracleOperator } from "./oracle.js";
import type { IndexSettings } from "./settings.js";
import type { Json, Operator, SaveState, TaskContext } from "./task/operator.js";
import { OutputStream } from "./task/output-stream.js";
import type { TimerSlot } from "./task/timers.js";
import type { TickerOperator } from "./ticker.js";

interface Forwarded {
  readonly settings: IndexSettings;
  /** Constituents and guards that lie in this partition, each once. */
  readonly mine: readonly { readonly exchange: VenueId; readonly symbol: SymbolName }[];
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
    readonly oracles: OracleOperator,
  ) {
    this.#indices = context.settings.indices.flatMap((settings): Forwarded[] => {
      const { name } = settings;
      const mine = placesOf(settings).filter(({ symbol }) => context.partitionOf(symbol) === context.partition);
      if (mine.length === 0) return [];
      const stream = new OutputStream("index.input", name, "", name, context.task);
      const slot = context.timers.slot(context.order, name, (due) => this.#forward(forwarded, due));
      const forwarded: Forwarded = { settings, mine, stream, slot };
      return [forwarded];
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
    const { context } = this;
    const { settings, mine, stream, slot } = forwarded;
    const prices = mine.map(
      (place): IndexInputPrice => ({
        ...place,
        ...this.#priceOf(place.exchange, place.symbol),
        feed_down: context.feed(place.exchange)?.connected === false,
      }),
    );
    context.outbox.indexInput(stream, { name: settings.name, source: context.task, log_time: instant, prices });
    context.timers.set(slot, instant + settings.gridMs * 1000);
  }

  /** A market's price counts from when it was last seen, an oracle's from when it was given. */
  #priceOf(
    exchange: VenueId,
    symbol: SymbolName,
  ): Pick<IndexInputPrice, "price" | "volume_24h" | "price_time" | "tick"> {
    const market = this.context.markets.find(exchange, symbol);
    const known = market === undefined ? undefined : this.tickers.priceOf(market);
    if (market !== undefined && known !== undefined) {
      const tick = formatUnits(market.tickUnits, market.priceScale);
      return { price: known.price, volume_24h: known.volume24h, price_time: known.seen, tick };
    }
    const oracle = this.oracles.priceOf(exchange, symbol);
    return { price: oracle?.price ?? null, volume_24h: null, price_time: oracle?.time ?? 0, tick: null };
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

/** Where an index looks: its constituents and its guards, each once. */
function placesOf({ constituents, guards = [] }: IndexSettings): { exchange: VenueId; symbol: SymbolName }[] {
  const places = [...constituents, ...guards].map(({ exchange, symbol }) => ({ exchange, symbol }));
  return places.filter(
    (place, at) =>
      places.findIndex(({ exchange, symbol }) => exchange === place.exchange && symbol === place.symbol) === at,
  );
}
