import type { InstrumentTick } from "../../schemas/ticks.js";
import type { Micros, SymbolName } from "../../schemas/words.js";
import { readEach } from "../instrument-list.js";
import type { Instruments } from "../known-instruments.js";
import { ListedMarkets, type TakenList } from "../listed-markets.js";
import { type Listings, listingsOf } from "../listings.js";
import { SymbolChoice } from "../symbol-choice.js";
import type { CcxtExchange, CcxtMarket } from "./library.js";
import { named, nameOf } from "./market-names.js";
import { instrumentTick } from "./ticks.js";

/**
 * What an exchange of ccxt lists of the markets that are wanted. ccxt keeps one market of a symbol, the last that it
 * read: here it is given the one that counts. A market that is subscribed stays known to ccxt as it was until it is
 * left, since frames and unsubscribing go by it.
 */
export class CcxtListings {
  readonly #listed: ListedMarkets;
  readonly #entries: SymbolChoice;
  readonly #setMarkets: (markets: unknown) => unknown;
  readonly #ccxtSymbols = new Map<SymbolName, string>();
  /** As the exchange told them last, one a symbol. */
  #markets: CcxtMarket[] = [];
  #subscribed = new Map<SymbolName, { readonly instrument: InstrumentTick; readonly market: CcxtMarket | undefined }>();

  constructor(
    private readonly ccxt: CcxtExchange,
    symbols: readonly string[],
  ) {
    this.#entries = new SymbolChoice(symbols);
    this.#listed = new ListedMarkets({ symbols, entryOf: (symbol) => this.#entries.entryOf(symbol) });
    this.#setMarkets = ccxt.setMarkets.bind(ccxt);
    ccxt.setMarkets = (markets) => {
      this.#markets = onesThatCount(Object.values(markets as Readonly<Record<string, CcxtMarket>>));
      return this.#show();
    };
  }

  get known(): Instruments {
    return this.#listed.known;
  }

  /** How ccxt spells a name. */
  ccxtSymbol(symbol: SymbolName): string {
    return this.#ccxtSymbols.get(symbol) ?? symbol;
  }

  /** Asks the exchange. @throws what ccxt does when there is no answer */
  async ask(clock: () => Micros): Promise<TakenList> {
    const { ccxt } = this;
    await ccxt.loadMarkets(true);
    const now = clock();
    const found = readEach(this.#markets, (market) => {
      const symbol = nameOf(market.symbol);
      if (this.#entries.entryOf(symbol) === undefined) return undefined;
      // as ccxt completes it
      const shown = this.#shown(market) ?? { ...market, precision: market.precision ?? {} };
      this.#ccxtSymbols.set(symbol, market.symbol);
      return named(instrumentTick(ccxt, shown, now), symbol);
    });
    return this.#listed.take(found);
  }

  /** What is to be subscribed and what is to be left. ccxt shows a market that is delisted as one that is not active. */
  changes(): Listings {
    const all = this.known
      .all()
      .map(
        (instrument): InstrumentTick =>
          instrument.status === "trading" ? instrument : { ...instrument, status: "delisted" },
      );
    return listingsOf({}, all, (symbol) => this.#subscribed.get(symbol)?.instrument);
  }

  subscribed(instrument: InstrumentTick): void {
    const market = this.ccxt.markets?.[this.ccxtSymbol(instrument.symbol)];
    this.#subscribed.set(instrument.symbol, { instrument, market });
  }

  /** ccxt need not know them as they were any longer. */
  left(symbols: Iterable<SymbolName>): void {
    for (const symbol of symbols) this.#subscribed.delete(symbol);
    this.#show();
  }

  #shown(market: CcxtMarket): CcxtMarket | undefined {
    const shown = this.ccxt.markets?.[market.symbol];
    return shown?.id === market.id ? shown : undefined;
  }

  #show(): unknown {
    const shown = new Map(this.#markets.map((market) => [market.symbol, market]));
    for (const { market } of this.#subscribed.values()) {
      if (market !== undefined && shown.get(market.symbol)?.id !== market.id) shown.set(market.symbol, market);
    }
    return this.#setMarkets([...shown.values()]);
  }
}

/** Of several native ids of one symbol the one that trades; of equals that whose id sorts first. */
function onesThatCount(markets: readonly CcxtMarket[]): CcxtMarket[] {
  const counting = new Map<string, CcxtMarket>();
  for (const market of markets) {
    const before = counting.get(market.symbol);
    if (before === undefined || counts(market, before)) counting.set(market.symbol, market);
  }
  return [...counting.values()];
}

function counts(one: CcxtMarket, before: CcxtMarket): boolean {
  const [isActive, wasActive] = [one.active !== false, before.active !== false];
  return isActive === wasActive ? one.id < before.id : isActive;
}
