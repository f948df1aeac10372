import {
  ACTION_GAP,
  ACTION_INCREMENT,
  KIND_DEPTH,
  KIND_QUOTE,
  KIND_TRADE,
  type RawBatchReader,
} from "../schemas/raw-batch-reader.js";
import type { InstrumentTick } from "../schemas/ticks.js";
import { multiplyUnits, parseUnits, type Units } from "../schemas/units.js";
import type { VenueId } from "../schemas/words.js";
import { sideAt, unitsAt } from "./cleaning/exact-units.js";
import { PriceBand, type PriceBandJson } from "./cleaning/price-band.js";
import { QuoteIds, type QuoteIdsJson } from "./cleaning/quote-ids.js";
import type { FillContent } from "./cleaning/recent-fills.js";
import { badName, Refusal } from "./cleaning/refusal.js";
import { decimalsOfTick } from "./cleaning/tick-decimals.js";
import { ID_AGAIN, NEW_IDS, OFF_LOT, OFF_TICK, PRICE_BAND } from "./cleaning/trade-flags.js";
import {
  ANOTHER,
  contentHash,
  type Identity,
  NEW,
  NEW_RUN,
  OVERLAP,
  REPEAT,
  TradeIdentity,
  type TradeIdentityJson,
} from "./cleaning/trade-identity.js";
import { numericId } from "./cleaning/trade-ids.js";
import type { ProcessSettings } from "./settings.js";
import { type Market, type Markets, unfit } from "./task/market.js";
import type { CleanDepth, CleanQuote, CleanTrade, Json, LogClock } from "./task/operator.js";

interface Scrutiny {
  readonly ids: TradeIdentity;
  readonly trades: PriceBand;
  readonly bids: PriceBand;
  readonly asks: PriceBand;
  readonly quotes: QuoteIds;
  priceScale: number;
}

interface ScrutinyJson {
  readonly instrument: InstrumentTick;
  readonly ids: TradeIdentityJson;
  readonly bands: readonly PriceBandJson[];
  readonly quoteId: QuoteIdsJson | number;
  readonly scales: readonly [price: number, lot: number, contract: number, inverse: number];
}

/** One taker order meets fewer at one price. */
const MOST_FILLS = 1_000_000;

/**
 * Text to integers at the market's scale, once, and the refusal of what can not be right: repeats by the venue's ids,
 * values that are no decimals, not positive, of the future or too old. What the venue says is otherwise taken in: a
 * price off the tick that is known, or beyond the band, is marked.
 */
export class Cleaner {
  readonly #scrutinies: (Scrutiny | undefined)[] = [];
  readonly #bandMillionths: number;
  readonly #content: FillContent = { hash: 0, time: 0, isTimed: true, isFetched: false };
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
      flags: 0,
      firstId: -1,
      lastId: -1,
    };
    this.quote = { market, bidPrice: 0, bidQty: 0, askPrice: 0, askQty: 0, exchangeTime: 0, marks: 0 };
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
    }
    return undefined;
  }

  /** A venue's connections went down or came back, or another session reads it: its ids may begin again. */
  interrupted(exchange: VenueId): void {
    for (const market of this.markets.all) {
      if (market.exchange !== exchange) continue;
      const scrutiny = this.#scrutinies[market.id];
      scrutiny?.ids.interrupted();
      scrutiny?.quotes.begin();
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
   * The venue's own values are finer than the instrument that is known: its tick or lot has become finer since, or a
   * level, or an order that is filled, is from before it became coarser. Widens the market's scales to the reader's tick.
   *
   * @returns the market when its scales grew, so that the tick may be taken again
   */
  widen(reader: RawBatchReader): Market | undefined {
    const market = this.markets.find(reader.exchange, reader.symbol);
    const decimals = decimalsOfTick(reader);
    return market && decimals && this.widenTo(market, ...decimals);
  }

  /** @returns the market when its scales grew */
  widenTo(market: Market, priceScale: number, lotScale: number): Market | undefined {
    if (!market.widen(priceScale, lotScale)) return undefined;
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
    const price = unitsAt(bytes, reader.priceStart, reader.priceEnd, market.priceScale, "price");
    if (price instanceof Refusal) return price;
    const lots = unitsAt(bytes, reader.qtyStart, reader.qtyEnd, market.lotScale, "quantity");
    if (lots instanceof Refusal) return lots;
    if (price <= 0) return new Refusal("not_positive", "price");
    if (lots <= 0) return new Refusal("not_positive", "quantity");
    const age = this.clock.now - reader.exchangeTime - this.settings.tooOldMs * 1000;
    if (age > 0 && !reader.backfilled) return new Refusal("too_old", `${age / 1000} ms beyond the limit`);
    const scrutiny = this.#scrutinies[market.id] ?? this.#create(market);
    const { ids } = scrutiny;
    if (reader.retractsStart >= 0) return this.#takeRetraction(reader, market, ids, price, lots);
    const id = numericId(bytes, reader.tradeIdStart, reader.tradeIdEnd);
    const textId = id < 0 ? reader.textAt(reader.tradeIdStart, reader.tradeIdEnd) : "";
    const { firstTradeId: first, lastTradeId: last } = reader;
    if ((first >= 0 || last >= 0) && !isSum(first, last)) {
      return new Refusal("malformed", `a sum of trades ${first} to ${last}`);
    }
    const identity = this.#identify(reader, market, price, lots, ids, id, textId);
    if (identity === REPEAT) return last < 0 ? repeated : repeatedSum;
    if (identity === OVERLAP) {
      const fills = last - first + 1;
      const before = fills - ids.unseen(first, last);
      return new Refusal("overlap", `${before} of the ${fills} trades that it sums were taken in before`);
    }
    this.#fill(reader, market, price, lots, id, textId);
    const { trade } = this;
    if (identity === ANOTHER) trade.flags = ID_AGAIN;
    else if (identity === NEW_RUN) trade.flags = ID_AGAIN | NEW_IDS;
    if (!isMultiple(price, market.tickUnits)) trade.flags |= OFF_TICK;
    if (!isMultiple(lots, market.lotUnits)) trade.flags |= OFF_LOT;
    // what a chain's contract says is no error
    if (!scrutiny.trades.accepts(price, market.retractable ? 0 : this.#bandMillionths, market.tickUnits)) {
      trade.flags |= PRICE_BAND;
    }
    return undefined;
  }

  #identify(
    reader: RawBatchReader,
    market: Market,
    price: Units,
    lots: Units,
    ids: TradeIdentity,
    id: number,
    textId: string,
  ): Identity {
    const { exchangeTime, receiveTime, firstTradeId: first, lastTradeId: last } = reader;
    if (market.retractable) return ids.takeFinal(id >= 0 ? String(id) : textId) || textId === "" ? NEW : REPEAT;
    const content = this.#content;
    content.hash = contentHash(price, market.priceScale, lots, market.lotScale, reader.side === 0);
    content.time = exchangeTime;
    // a clock of ours has microseconds
    content.isTimed = exchangeTime !== receiveTime || exchangeTime % 1_000 === 0;
    content.isFetched = reader.backfilled;
    // of one fill a sum is the trade itself
    if (last >= 0) return ids.takeNumber(first, last, first === last ? last : last + 0.5, content);
    if (id >= 0) return ids.takeNumber(id, id, id, content);
    return textId === "" ? NEW : ids.takeText(textId, content);
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
    trade.flags = 0;
    trade.firstId = reader.firstTradeId;
    trade.lastId = reader.lastTradeId;
  }

  /** A trade is taken back once, and may come again afterwards: its id says what it is. */
  #takeRetraction(reader: RawBatchReader, market: Market, ids: TradeIdentity, price: Units, lots: Units) {
    if (!market.retractable) return new Refusal("not_retractable", "its instrument names no chain");
    const target = reader.textAt(reader.retractsStart, reader.retractsEnd);
    if (!ids.forget(target)) return new Refusal("duplicate", "the trade is not known, or was taken back before");
    this.#fill(reader, market, price, lots, -1, target);
    return undefined;
  }

  #takeQuote(reader: RawBatchReader, market: Market): Refusal | undefined {
    const { bytes } = reader;
    const { priceScale, lotScale } = market;
    const bidPrice = sideAt(bytes, reader.bidPriceStart, reader.bidPriceEnd, priceScale, "bid price");
    if (bidPrice instanceof Refusal) return bidPrice;
    const askPrice = sideAt(bytes, reader.askPriceStart, reader.askPriceEnd, priceScale, "ask price");
    if (askPrice instanceof Refusal) return askPrice;
    const bidQty = sideAt(bytes, reader.bidQtyStart, reader.bidQtyEnd, lotScale, "bid quantity");
    if (bidQty instanceof Refusal) return bidQty;
    const askQty = sideAt(bytes, reader.askQtyStart, reader.askQtyEnd, lotScale, "ask quantity");
    if (askQty instanceof Refusal) return askQty;
    if (bidPrice < 0 || askPrice < 0 || bidQty < 0 || askQty < 0) return new Refusal("not_positive", "a side");
    if (bidPrice !== 0 && askPrice !== 0 && bidPrice >= askPrice) return new Refusal("crossed", "bid at or above ask");
    const scrutiny = this.#scrutinies[market.id] ?? this.#create(market);
    const step = reader.updateId >= 0 ? scrutiny.quotes.take(reader.updateId) : "next";
    if (step === "late") return lateQuote;
    const quote = this.quote;
    const band = this.#bandMillionths;
    const { tickUnits } = market;
    const isNear =
      (bidPrice === 0 || scrutiny.bids.accepts(bidPrice, band, tickUnits)) &&
      (askPrice === 0 || scrutiny.asks.accepts(askPrice, band, tickUnits));
    quote.marks = isNear ? 0 : PRICE_BAND;
    if (step === "again") quote.marks |= NEW_IDS;
    if (tickUnits !== 1 && !(isMultiple(bidPrice, tickUnits) && isMultiple(askPrice, tickUnits)))
      quote.marks |= OFF_TICK;
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
    if (reader.action !== ACTION_INCREMENT) scrutiny?.quotes.begin();
    const count = bidCount + reader.askCount;
    depth.prices.length = count;
    depth.quantities.length = count;
    for (let at = 0; at < count; at++) {
      const slot = at * 4;
      const price = unitsAt(bytes, levels[slot]!, levels[slot + 1]!, market.priceScale, "price");
      if (price instanceof Refusal) return price;
      const qty = unitsAt(bytes, levels[slot + 2]!, levels[slot + 3]!, market.lotScale, "quantity");
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

  #create(market: Market): Scrutiny {
    const scrutiny: Scrutiny = {
      ids: new TradeIdentity(),
      trades: new PriceBand(),
      bids: new PriceBand(),
      asks: new PriceBand(),
      quotes: new QuoteIds(),
      priceScale: market.priceScale,
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
        quoteId: scrutiny.quotes.save(),
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
    scrutiny.quotes.load(saved.quoteId);
  }
}

const repeated = new Refusal("duplicate", "the trade was taken in before");
const repeatedSum = new Refusal("duplicate", "the trades that it sums were taken in before");
const lateQuote = new Refusal("duplicate", "a newer quote was taken in before");

/** A sum of fills is known by the fills' ids, which are the same whichever of a venue's streams brings them. */
function isSum(first: number, last: number): boolean {
  return first >= 0 && last >= first && last - first < MOST_FILLS;
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
