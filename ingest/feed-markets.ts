import type { DepthTick, InstrumentTick, RawTick } from "../schemas/ticks.js";
import type { Micros, SymbolName } from "../schemas/words.js";
import { BookFeed, bookFeedDefaults, gapTick } from "./book-feed.js";
import type { FeedOptions, VenueChoice } from "./feed-options.js";
import type { WatchedBook } from "./feed-watch.js";
import { knownTradeOf } from "./progress.js";
import { isPattern } from "./symbol-choice.js";
import { TradeIds } from "./trade-ids.js";

/** One market of a feed: what is known of it while it is subscribed. */
export interface Market {
  readonly instrument: InstrumentTick;
  readonly book: BookFeed | undefined;
  readonly ids: TradeIds;
  backfilling: boolean;
}

/** The markets that a feed has subscribed, by symbol. */
export class FeedMarkets {
  readonly #markets = new Map<SymbolName, Market>();
  readonly #booksStarted = new Set<SymbolName>();

  constructor(
    private readonly choice: VenueChoice,
    private readonly options: Pick<FeedOptions, "publisher" | "snapshotEvery" | "progress" | "clock">,
    private readonly beginAnew: (instrument: InstrumentTick) => void,
  ) {}

  get size(): number {
    return this.#markets.size;
  }

  get(symbol: SymbolName): Market | undefined {
    return this.#markets.get(symbol);
  }

  all(): Iterable<Market> {
    return this.#markets.values();
  }

  symbols(): SymbolName[] {
    return [...this.#markets.keys()];
  }

  *books(): Generator<WatchedBook> {
    for (const { instrument, book } of this.#markets.values()) {
      if (book !== undefined) yield { symbol: instrument.symbol, isLive: book.isLive };
    }
  }

  add(instrument: InstrumentTick): Market {
    const { venue, kinds } = this.choice;
    const { publisher, snapshotEvery, progress } = this.options;
    const { symbol } = instrument;
    const book = kinds.includes("depth")
      ? new BookFeed(
          venue.sequence(instrument),
          (tick: RawTick) => publisher.publish(tick as DepthTick),
          () => this.beginAnew(instrument),
          {
            ...bookFeedDefaults,
            snapshotEvery,
            ...(venue.resubscribe !== undefined && { inStream: true, retryAfter: 5_000_000 }),
          },
        )
      : undefined;
    this.startBook(symbol);
    const ids = new TradeIds(venue.contiguousTradeIds);
    const known = knownTradeOf(progress?.get(symbol) ?? "");
    // of a sum whose number is not known and a time neither, nothing tells where to ask from
    if (known !== undefined && !(venue.sumsTrades === true && known.exchangeTime === 0)) ids.goOnAfter(known);
    const market = { instrument, book, ids, backfilling: false };
    this.#markets.set(symbol, market);
    return market;
  }

  /** It is subscribed no more, or by another native id: its book ends here. */
  drop(symbol: SymbolName, reason: string, receiveTime: Micros): void {
    const market = this.#markets.get(symbol);
    if (market === undefined) return;
    market.book?.disconnected({ ...market.instrument, receiveTime }, reason);
    this.#markets.delete(symbol);
  }

  /** Of all markets that are named: the venue does not answer yet. */
  startBooks(): void {
    for (const symbol of this.choice.symbols) if (!isPattern(symbol)) this.startBook(symbol);
  }

  /** What an earlier session left in the log may be long past: the book is not right before its snapshot. */
  private startBook(symbol: SymbolName): void {
    if (this.#booksStarted.has(symbol) || !this.choice.kinds.includes("depth")) return;
    this.#booksStarted.add(symbol);
    const at = { exchange: this.choice.venue.id, symbol, receiveTime: this.options.clock() };
    this.options.publisher.publish(gapTick("session_start", at, 0));
  }
}
