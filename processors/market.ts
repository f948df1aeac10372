import type { ContractType, InstrumentTick } from "../schemas/ticks.js";
import { compareUnits, decimalsOf, parseUnits, type Units } from "../schemas/units.js";
import type { Micros, SymbolName, VenueId } from "../schemas/words.js";

/** One venue's market in one symbol, with the scales at which its values are integers. */
export class Market {
  instrument: InstrumentTick | undefined;
  priceScale = 0;
  /** Of quantities in base currency (contracts where the contract is inverse). */
  qtyScale = 0;
  /** Tick and lot size in units; a price that is no multiple of the tick is refused. */
  tickUnits: Units = 1;
  lotUnits: Units = 1;
  /** Decimals of a quantity as the venue writes it; contractUnits turn it into base currency. */
  lotScale = 0;
  contractUnits: Units = 1;
  contractScale = 0;

  constructor(
    /** Dense within a task: operators keep their states in arrays. */
    readonly id: number,
    readonly exchange: VenueId,
    readonly symbol: SymbolName,
    readonly group: SymbolGroup,
  ) {}

  get key(): string {
    return `${this.symbol}@${this.exchange}`;
  }

  get contractType(): ContractType {
    return this.instrument?.contractType ?? "spot";
  }

  /** Inverse volume is in contracts and stays out of aggregates. */
  get aggregates(): boolean {
    return this.contractType !== "inverse";
  }

  /**
   * Takes in what governs the values from here on. Scales never shrink, so what is held stays exact.
   *
   * @returns whether a scale grew: operators then rescale what they hold
   */
  govern(instrument: InstrumentTick): boolean {
    this.instrument = instrument;
    const linear = instrument.contractType === "linear";
    const contractScale = linear ? decimalsOf(instrument.contractSize) : 0;
    const priceScale = Math.max(this.priceScale, decimalsOf(instrument.tickSize));
    const lotScale = Math.max(this.lotScale, decimalsOf(instrument.lotSize));
    this.contractScale = Math.max(this.contractScale, contractScale);
    this.contractUnits = linear ? parseUnits(instrument.contractSize, this.contractScale) : 1;
    const qtyScale = lotScale + this.contractScale;
    const grew = priceScale > this.priceScale || qtyScale > this.qtyScale;
    this.priceScale = priceScale;
    this.lotScale = lotScale;
    this.qtyScale = Math.max(this.qtyScale, qtyScale);
    this.tickUnits = positive(parseUnits(instrument.tickSize, priceScale));
    this.lotUnits = positive(parseUnits(instrument.lotSize, lotScale));
    this.group.widen(this.priceScale, this.qtyScale);
    return grew;
  }
}

/** All venues' markets in one symbol: what aggregates are taken over. */
export class SymbolGroup {
  readonly markets: Market[] = [];
  /** The largest of its venues'. */
  priceScale = 0;
  qtyScale = 0;

  constructor(
    readonly id: number,
    readonly symbol: SymbolName,
  ) {}

  widen(priceScale: number, qtyScale: number): void {
    this.priceScale = Math.max(this.priceScale, priceScale);
    this.qtyScale = Math.max(this.qtyScale, qtyScale);
  }
}

/** What is known of a venue's connections. A dead feed is told from a quiet one by them. */
export interface FeedHealth {
  connected: boolean;
  /** Since when it is as it is. */
  since: Micros;
}

/** The markets of one task. */
export class Markets {
  readonly all: Market[] = [];
  readonly groups: SymbolGroup[] = [];
  readonly #bySymbol = new Map<SymbolName, Map<VenueId, Market>>();
  readonly #groupOf = new Map<SymbolName, SymbolGroup>();

  find(exchange: VenueId, symbol: SymbolName): Market | undefined {
    return this.#bySymbol.get(symbol)?.get(exchange);
  }

  findOrAdd(exchange: VenueId, symbol: SymbolName): Market {
    let venues = this.#bySymbol.get(symbol);
    if (venues === undefined) {
      venues = new Map();
      this.#bySymbol.set(symbol, venues);
    }
    let market = venues.get(exchange);
    if (market === undefined) {
      const group = this.groupOf(symbol);
      market = new Market(this.all.length, exchange, symbol, group);
      venues.set(exchange, market);
      this.all.push(market);
      group.markets.push(market);
      group.markets.sort((a, b) => (a.exchange < b.exchange ? -1 : 1));
    }
    return market;
  }

  groupOf(symbol: SymbolName): SymbolGroup {
    let group = this.#groupOf.get(symbol);
    if (group === undefined) {
      group = new SymbolGroup(this.groups.length, symbol);
      this.#groupOf.set(symbol, group);
      this.groups.push(group);
    }
    return group;
  }
}

function positive(units: Units): Units {
  return compareUnits(units, 0) > 0 ? units : 1;
}
