import { DecimalError } from "../schemas/errors.js";
import { isVenue, nameFault, shownName } from "../schemas/names.js";
import {
  ACTION_GAP,
  ACTION_INCREMENT,
  KIND_DEPTH,
  KIND_QUOTE,
  KIND_TRADE,
  type RawBatchReader,
} from "../schemas/raw-batch-reader.js";
import { bigPower } from "../schemas/safe-integers.js";
import type { InstrumentTick } from "../schemas/ticks.js";
import { decimalsOf, INEXACT, multiplyUnits, parseUnits, parseUnitsBytes, type Units } from "../schemas/units.js";
import type { SymbolName, VenueId } from "../schemas/words.js";
import { PriceBand, type PriceBandJson } from "./cleaning/price-band.js";
import { numericId, TradeIds, type TradeIdsJson } from "./cleaning/trade-ids.js";
import type { ProcessSettings } from "./settings.js";
import { type Market, type Markets, unfit } from "./task/market.js";
import type { CleanDepth, CleanQuote, CleanTrade, Json, LogClock } from "./task/operator.js";

/** Why a tick is refused: a stable word, and what a person wants to know beside it. */
export class Refusal {
  constructor(
    readonly reason: string,
    readonly detail: string,
  ) {}
}

interface Scrutiny {
  readonly ids: TradeIds;
  readonly trades: PriceBand;
  readonly bids: PriceBand;
  readonly asks: PriceBand;
  priceScale: number;
  quoteId: number;
}

interface ScrutinyJson {
  readonly instrument: InstrumentTick;
  readonly ids: TradeIdsJson;
  readonly bands: readonly PriceBandJson[];
  readonly quoteId: number;
  readonly scales: readonly [price: number, lot: number, contract: number, inverse: number];
}

/** One taker order meets fewer at one price. */
const MOST_FILLS = 1_000_000;
/** History keeps more; no market needs as many. */
const MOST_DIGITS = 38;
/** Finer levels than this are an error, not history: a market must not become slow by one. */
const LEGACY_DECIMALS = 8;
/**
 * Text to integers at the instrument's scale, once, and the refusal of what can not be right: repeats by the venue's
 * ids, values that are no decimals, not positive, off tick or lot, of the future or too old, or absurd.
 */
export class Cleaner {
  readonly #scrutinies: (Scrutiny | undefined)[] = [];
  readonly #bandMillionths: number;
  readonly trade: CleanTrade;
  readonly quote: CleanQuote;
  readonly depth = {
    tick: {} as CleanDepth["tick"],
    prices: [] as Units[],
    quantities: [] as Units[],
    bidCount: 0,
    count: 0,
  };

  constructor(
    readonly settings: ProcessSettings,
    readonly markets: Markets,
    readonly clock: LogClock,
  ) {
    this.#bandMillionths = Number(parseUnits(settings.priceBand, 6));
    const market = undefined as unknown as Market;
    this.trade = {
      market,
      price: 0,
      qty: 0,
      buy: false,
      exchangeTime: 0,
      receiveTime: 0,
      idBytes: new Uint8Array(0),
      idStart: 0,
      idEnd: 0,
      idNumber: -1,
      idText: "",
      retractsStart: -1,
      retractsEnd: -1,
      firstId: -1,
      lastId: -1,
    };
    this.quote = { market, bidPrice: 0, bidQty: 0, askPrice: 0, askQty: 0, exchangeTime: 0 };
  }

  /** Fills `trade`, `quote` or `depth` from the reader's tick. @returns why it is refused, if it is */
  take(reader: RawBatchReader): Refusal | Market {
    const market = this.markets.find(reader.exchange, reader.symbol);
    if (market?.instrument === undefined) {
      return badName(reader) ?? new Refusal("unknown_instrument", "no instrument came before it");
    }
    const future = reader.exchangeTime - reader.receiveTime - this.settings.futureToleranceMs * 1000;
    if (future > 0) return new Refusal("from_the_future", `${future / 1000} ms beyond the tolerance`);
    const refusal = this.#takeKind(reader, market);
    return refusal ?? market;
  }

  #takeKind(reader: RawBatchReader, market: Market): Refusal | undefined {
    switch (reader.kind) {
      case KIND_TRADE:
        return this.#takeTrade(reader, market);
      case KIND_QUOTE:
        return this.#takeQuote(reader, market);
      case KIND_DEPTH:
        return this.#takeDepth(reader, market);
      default:
        return undefined;
    }
  }

  /** An instrument governs what follows it. @returns the market, and whether its scales grew; or why it is refused */
  govern(tick: InstrumentTick): { market: Market; grew: boolean } | Refusal {
    const refusal = badName(tick);
    if (refusal !== undefined) return refusal;
    try {
      const fault = unfit(tick);
      if (fault !== undefined) return new Refusal("malformed", fault);
      const market = this.markets.findOrAdd(tick.exchange, tick.symbol);
      const grew = market.govern(tick);
      this.#rescaleBands(market);
      return { market, grew };
    } catch (error) {
      return new Refusal("malformed", error instanceof Error ? error.message : String(error));
    }
  }

  /**
   * A book may still hold levels from before its tick or lot became coarser. Widens the market's scales to those of the
   * reader's depth tick, up to the decimals that venues have.
   *
   * @returns the market when its scales grew, so that the tick may be taken again
   */
  widen(reader: RawBatchReader): Market | undefined {
    const market = this.markets.find(reader.exchange, reader.symbol);
    if (market === undefined) return undefined;
    const decimals: [price: number, lot: number] = [0, 0];
    try {
      for (let at = 0; at < (reader.bidCount + reader.askCount) * 2; at++) {
        const text = reader.textAt(reader.levels[at * 2]!, reader.levels[at * 2 + 1]!);
        decimals[at & 1] = Math.max(decimals[at & 1]!, decimalsOf(text));
      }
    } catch {
      return undefined;
    }
    if (decimals.some((count) => count > LEGACY_DECIMALS) || !market.widen(...decimals)) return undefined;
    this.#rescaleBands(market);
    return market;
  }

  #rescaleBands(market: Market): void {
    const scrutiny = this.#scrutinies[market.id];
    if (scrutiny === undefined || market.priceScale <= scrutiny.priceScale) return;
    const by = market.priceScale - scrutiny.priceScale;
    for (const band of [scrutiny.trades, scrutiny.bids, scrutiny.asks]) band.rescale(by);
    scrutiny.priceScale = market.priceScale;
  }

  #takeTrade(reader: RawBatchReader, market: Market): Refusal | undefined {
    const { bytes } = reader;
    const price = this.#units(bytes, reader.priceStart, reader.priceEnd, market.priceScale, "price", "off_tick");
    if (price instanceof Refusal) return price;
    const lots = this.#units(bytes, reader.qtyStart, reader.qtyEnd, market.lotScale, "quantity", "off_lot");
    if (lots instanceof Refusal) return lots;
    if (price <= 0) return new Refusal("not_positive", "price");
    if (lots <= 0) return new Refusal("not_positive", "quantity");
    if (!isMultiple(price, market.tickUnits)) return new Refusal("off_tick", "price is no multiple of the tick size");
    if (!isMultiple(lots, market.lotUnits)) return new Refusal("off_lot", "quantity is no multiple of the lot size");
    const age = this.clock.now - reader.exchangeTime - this.settings.tooOldMs * 1000;
    if (age > 0 && !reader.backfilled) return new Refusal("too_old", `${age / 1000} ms beyond the limit`);
    const scrutiny = this.#scrutinies[market.id] ?? this.#create(market);
    const { ids } = scrutiny;
    if (reader.retractsStart >= 0) return this.#takeRetraction(reader, market, ids, price, lots);
    const id = numericId(bytes, reader.tradeIdStart, reader.tradeIdEnd);
    const textId = id < 0 ? reader.textAt(reader.tradeIdStart, reader.tradeIdEnd) : "";
    const isSum = reader.lastTradeId >= 0 || reader.firstTradeId >= 0;
    // a repeat says nothing of the price, and a price refused leaves the id free
    if (isSum) {
      const fault = sumFault(ids, reader.firstTradeId, reader.lastTradeId);
      if (fault !== undefined) return fault;
    } else if (id >= 0 ? ids.hasNumber(id) : textId !== "" && ids.hasText(textId)) {
      return new Refusal("duplicate", "a trade of this id was taken in before");
    }
    // what a chain's contract says has happened
    if (!scrutiny.trades.accepts(price, market.retractable ? 0 : this.#bandMillionths)) {
      return new Refusal("price_band", "too far from the last accepted price");
    }
    if (isSum) ids.takeRange(reader.firstTradeId, reader.lastTradeId);
    else if (id >= 0) ids.takeNumber(id);
    else if (textId !== "") ids.takeText(textId);
    this.#fill(reader, market, price, lots, id, textId);
    return undefined;
  }

  #fill(reader: RawBatchReader, market: Market, price: Units, lots: Units, id: number, idText: string): void {
    const trade = this.trade;
    trade.market = market;
    trade.price = price;
    trade.qty = market.contractUnits === 1 ? lots : inBase(lots, market);
    trade.buy = reader.side === 0;
    trade.exchangeTime = reader.exchangeTime;
    trade.receiveTime = reader.receiveTime;
    trade.idBytes = reader.bytes;
    trade.idStart = reader.tradeIdStart;
    trade.idEnd = reader.tradeIdEnd;
    trade.idNumber = id;
    trade.idText = idText;
    trade.retractsStart = reader.retractsStart;
    trade.retractsEnd = reader.retractsEnd;
    trade.firstId = reader.firstTradeId;
    trade.lastId = reader.lastTradeId;
  }

  /** A trade is taken back once, and may come again afterwards: its id says what it is. */
  #takeRetraction(reader: RawBatchReader, market: Market, ids: TradeIds, price: Units, lots: Units) {
    if (!market.retractable) return new Refusal("not_retractable", "its instrument names no chain");
    const target = reader.textAt(reader.retractsStart, reader.retractsEnd);
    if (!ids.forgetText(target)) return new Refusal("duplicate", "the trade is not known, or was taken back before");
    this.#fill(reader, market, price, lots, -1, target);
    return undefined;
  }

  #takeQuote(reader: RawBatchReader, market: Market): Refusal | undefined {
    const { bytes } = reader;
    const bidPrice = this.#side(bytes, reader.bidPriceStart, reader.bidPriceEnd, market.priceScale, "bid price");
    if (bidPrice instanceof Refusal) return bidPrice;
    const askPrice = this.#side(bytes, reader.askPriceStart, reader.askPriceEnd, market.priceScale, "ask price");
    if (askPrice instanceof Refusal) return askPrice;
    const bidQty = this.#side(bytes, reader.bidQtyStart, reader.bidQtyEnd, market.lotScale, "bid quantity");
    if (bidQty instanceof Refusal) return bidQty;
    const askQty = this.#side(bytes, reader.askQtyStart, reader.askQtyEnd, market.lotScale, "ask quantity");
    if (askQty instanceof Refusal) return askQty;
    if (bidPrice < 0 || askPrice < 0 || bidQty < 0 || askQty < 0) return new Refusal("not_positive", "a side");
    if (bidPrice !== 0 && askPrice !== 0 && bidPrice >= askPrice) return new Refusal("crossed", "bid at or above ask");
    const scrutiny = this.#scrutinies[market.id] ?? this.#create(market);
    if (reader.updateId >= 0) {
      if (reader.updateId < scrutiny.quoteId) return new Refusal("duplicate", "a newer quote was taken in before");
      scrutiny.quoteId = reader.updateId;
    }
    if (bidPrice !== 0 && !scrutiny.bids.accepts(bidPrice, this.#bandMillionths)) return farQuote;
    if (askPrice !== 0 && !scrutiny.asks.accepts(askPrice, this.#bandMillionths)) return farQuote;
    const quote = this.quote;
    quote.market = market;
    quote.bidPrice = bidPrice;
    quote.askPrice = askPrice;
    quote.bidQty = inBase(bidQty, market);
    quote.askQty = inBase(askQty, market);
    quote.exchangeTime = reader.exchangeTime;
    return undefined;
  }

  #takeDepth(reader: RawBatchReader, market: Market): Refusal | undefined {
    const depth = this.depth;
    const { bytes, levels, bidCount } = reader;
    // a book that begins anew may begin with lower ids, and so may its quotes
    const scrutiny = this.#scrutinies[market.id];
    if (scrutiny !== undefined && reader.action !== ACTION_INCREMENT) scrutiny.quoteId = -1;
    const count = bidCount + reader.askCount;
    depth.prices.length = count;
    depth.quantities.length = count;
    for (let at = 0; at < count; at++) {
      const slot = at * 4;
      const price = this.#units(bytes, levels[slot]!, levels[slot + 1]!, market.priceScale, "price", "off_tick");
      if (price instanceof Refusal) return price;
      const qty = this.#units(bytes, levels[slot + 2]!, levels[slot + 3]!, market.lotScale, "quantity", "off_lot");
      if (qty instanceof Refusal) return qty;
      if (price <= 0 || qty < 0) return new Refusal("not_positive", "a level");
      depth.prices[at] = price;
      depth.quantities[at] = market.contractUnits === 1 ? qty : inBase(qty, market);
    }
    depth.bidCount = bidCount;
    depth.count = count;
    depth.tick = {
      action: reader.action === ACTION_GAP ? "gap" : reader.action === ACTION_INCREMENT ? "increment" : "snapshot",
      firstUpdateId: reader.firstUpdateId,
      updateId: reader.updateId,
      exchangeTime: reader.exchangeTime,
      part: reader.part,
      parts: reader.parts,
      ...(reader.previousUpdateId >= 0 && { previousUpdateId: reader.previousUpdateId }),
      ...(reader.reason !== "" && { reason: reader.reason }),
    };
    return undefined;
  }

  /** An empty text is a side that is not there: 0. */
  #side(bytes: Uint8Array, start: number, end: number, scale: number, what: string): Units | Refusal {
    return start === end
      ? 0
      : this.#units(bytes, start, end, scale, what, what.endsWith("price") ? "off_tick" : "off_lot");
  }

  #units(bytes: Uint8Array, start: number, end: number, scale: number, what: string, off: string): Units | Refusal {
    const units = parseUnitsBytes(bytes, start, end, scale);
    if (units >= 0) return units;
    if (units === INEXACT) return new Refusal(off, `${what} has more than ${scale} decimals`);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
    try {
      const exact = parseUnits(text, scale);
      if (
        typeof exact === "number" ||
        (exact < bigPower(scale + MOST_DIGITS) && exact > -bigPower(scale + MOST_DIGITS))
      ) {
        return exact;
      }
      return new Refusal("out_of_range", `${what} has more than ${MOST_DIGITS} digits before the point`);
    } catch (error) {
      const inexact = error instanceof DecimalError && error.code === "TP_DECIMAL_INEXACT";
      return new Refusal(inexact ? off : "malformed", `${what} ${JSON.stringify(text.slice(0, 40))}`);
    }
  }

  #create(market: Market): Scrutiny {
    const scrutiny: Scrutiny = {
      ids: new TradeIds(),
      trades: new PriceBand(),
      bids: new PriceBand(),
      asks: new PriceBand(),
      priceScale: market.priceScale,
      quoteId: -1,
    };
    this.#scrutinies[market.id] = scrutiny;
    return scrutiny;
  }

  /** Markets come back with their instruments, before any operator's state. */
  save(write: (key: string, value: Json) => void): void {
    for (const market of this.markets.all) {
      if (market.instrument === undefined) continue;
      const scrutiny = this.#scrutinies[market.id] ?? this.#create(market);
      const saved: ScrutinyJson = {
        instrument: market.instrument,
        ids: scrutiny.ids.save(),
        bands: [scrutiny.trades.save(), scrutiny.bids.save(), scrutiny.asks.save()],
        quoteId: scrutiny.quoteId,
        scales: [market.priceScale, market.lotScale, market.contractScale, market.inverseScale],
      };
      write(market.key, saved as unknown as Json);
    }
  }

  load(value: Json): void {
    const saved = value as unknown as ScrutinyJson;
    const market = this.markets.findOrAdd(saved.instrument.exchange, saved.instrument.symbol);
    [market.priceScale, market.lotScale, market.contractScale, market.inverseScale] = saved.scales;
    market.govern(saved.instrument);
    const scrutiny = this.#create(market);
    scrutiny.ids.load(saved.ids);
    scrutiny.trades.load(saved.bands[0]!);
    scrutiny.bids.load(saved.bands[1]!);
    scrutiny.asks.load(saved.bands[2]!);
    scrutiny.quoteId = saved.quoteId;
  }
}

const farQuote = new Refusal("price_band", "a side is too far from the last accepted quote");

/**
 * A sum of fills is known by the fills' ids, which are the same whichever of a venue's streams brings them; its own
 * number is of another count.
 */
function sumFault(ids: TradeIds, first: number, last: number): Refusal | undefined {
  const fills = last - first + 1;
  if (first < 0 || fills < 1 || fills > MOST_FILLS)
    return new Refusal("malformed", `a sum of trades ${first} to ${last}`);
  const unseen = ids.unseen(first, last);
  if (unseen === fills) return undefined;
  if (unseen === 0) return new Refusal("duplicate", "the trades that it sums were taken in before");
  return new Refusal("overlap", `${fills - unseen} of the ${fills} trades that it sums were taken in before`);
}

/** Of what no channel can be named after. */
export function badName({ exchange, symbol }: { readonly exchange: VenueId; readonly symbol: SymbolName }) {
  const fault = isVenue(exchange)
    ? nameFault(symbol)
    : `the venue ${shownName(exchange)}: small letters, digits and . _ -`;
  return fault === undefined ? undefined : new Refusal("bad_name", fault);
}

/** Contracts to base currency, where the contract is linear and not of one unit. */
function inBase(lots: Units, market: Market): Units {
  return market.contractUnits === 1 ? lots : multiplyUnits(lots, market.contractUnits);
}

function isMultiple(units: Units, of: Units): boolean {
  if (of === 1) return true;
  if (typeof units === "number" && typeof of === "number") return units % of === 0;
  return BigInt(units) % BigInt(of) === 0n;
}
