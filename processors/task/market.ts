import type { ContractType, InstrumentTick } from "../../schemas/ticks.js";
import { compareUnits, decimalsOf, parseUnits, rescaleUnits, type Units } from "../../schemas/units.js";
import type { Micros, SymbolName, VenueId } from "../../schemas/words.js";

/** One venue's market in one symbol, with the scales at which its values are integers. */
export class Market {
  instrument: InstrumentTick | undefined;
  priceScale = 0;
  /** Of quantities in base currency (contracts where the contract is inverse). */
  qtyScale = 0;
  /** Tick and lot size in units; a price that is no multiple of the tick is marked so. */
  tickUnits: Units = 1;
  lotUnits: Units = 1;
  /** Decimals of a quantity as the venue writes it; contractUnits turn it into base currency. */
  lotScale = 0;
  contractUnits: Units = 1;
  contractScale = 0;
  /** Quote currency per contract of an inverse market, at its own scale. */
  inverseUnits: Units = 1;
  inverseScale = 0;

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

  /** Whether its trades lie on a chain and may be taken back. */
  get retractable(): boolean {
    return this.instrument?.chain !== undefined;
  }

  /**
   * Takes in what governs the values from here on. Scales never shrink, so what is held stays exact.
   *
   * @returns whether a scale grew: operators then rescale what they hold
   */
  govern(instrument: InstrumentTick): boolean {
    const linear = instrument.contractType === "linear";
    const sizeDecimals = decimalsOf(instrument.contractSize);
    const priceScale = Math.max(this.priceScale, decimalsOf(instrument.tickSize));
    const lotScale = Math.max(this.lotScale, decimalsOf(instrument.lotSize));
    const contractScale = linear ? Math.max(this.contractScale, sizeDecimals) : this.contractScale;
    const inverseScale = linear ? this.inverseScale : Math.max(this.inverseScale, sizeDecimals);
    const qtyScale = lotScale + contractScale;
    const grew = priceScale > this.priceScale || qtyScale > this.qtyScale || inverseScale > this.inverseScale;
    this.instrument = instrument;
    this.priceScale = priceScale;
    this.lotScale = lotScale;
    this.qtyScale = qtyScale;
    this.contractScale = contractScale;
    this.contractUnits = linear
      ? parseUnits(instrument.contractSize, contractScale)
      : rescaleUnits(1, 0, contractScale);
    this.inverseScale = inverseScale;
    this.inverseUnits = linear ? 1 : parseUnits(instrument.contractSize, inverseScale);
    this.tickUnits = parseUnits(instrument.tickSize, priceScale);
    this.lotUnits = parseUnits(instrument.lotSize, lotScale);
    this.group.widen(priceScale, qtyScale);
    return grew;
  }

  /** Takes finer values than the tick and lot that are known have, as fine as history holds. @returns whether a scale grew */
  widen(priceScale: number, lotScale: number): boolean {
    const price = Math.max(this.priceScale, priceScale);
    const lot = Math.max(this.lotScale, lotScale);
    if (this.instrument === undefined || (price === this.priceScale && lot === this.lotScale)) return false;
    if (price > MOST_DECIMALS || (lot > MOST_DECIMALS && lot > this.lotScale)) return false;
    if (price + lot > MOST_AMOUNT_DECIMALS) return false;
    this.priceScale = price;
    this.lotScale = lot;
    // tick and lot in the new units
    this.govern(this.instrument);
    return true;
  }
}

/**
 * What makes an instrument unfit to govern anything; undefined when it is fit.
 *
 * @throws DecimalError for a size that is no decimal
 */
export function unfit({ contractType, tickSize, lotSize, contractSize }: InstrumentTick): string | undefined {
  if (!CONTRACT_TYPES.includes(contractType)) return "contract type";
  for (const [what, text] of Object.entries({ tickSize, lotSize, contractSize })) {
    if (typeof text !== "string") return `${what} is missing`;
    const decimals = decimalsOf(text);
    const most = what === "lotSize" ? MOST_LOT_DECIMALS : MOST_DECIMALS;
    if (decimals > most) return `${what} has more than ${most} decimals`;
    if (compareUnits(parseUnits(text, decimals), 0) <= 0) return `${what} is not positive`;
  }
  const both = decimalsOf(tickSize) + decimalsOf(lotSize);
  if (both > MOST_AMOUNT_DECIMALS)
    return `tickSize and lotSize have more than ${MOST_AMOUNT_DECIMALS} decimals together`;
  return undefined;
}

const CONTRACT_TYPES: readonly string[] = ["spot", "linear", "inverse"];
/** What history can hold of a price, of a quantity (some tokens have 24), and of an amount of both. */
export const MOST_DECIMALS = 18;
const MOST_LOT_DECIMALS = 24;
const MOST_AMOUNT_DECIMALS = 36;

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
