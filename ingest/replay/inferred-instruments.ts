import type { InstrumentTick, RawTick, TickSink } from "../../schemas/ticks.js";
import { decimalsOf } from "../../schemas/units.js";
import type { SymbolName, VenueId } from "../../schemas/words.js";
import type { InstrumentLookup } from "../venue.js";
import { contractSizeOf, instrumentOfSymbol, type SymbolParts, symbolOfNativeId } from "./symbols.js";

/** An instrument of which only the id is known; its scales grow with the values seen. */
interface Inferred {
  instrument: InstrumentTick;
  priceDecimals: number;
  qtyDecimals: number;
  published: boolean;
}

/**
 * Instruments of one venue in a recording. Those that the recording brings are used, and published before the first
 * tick they govern. For others the symbol comes from the venue's id and the scales from the values' own decimals: such
 * an instrument is published as inferred, and again whenever a value has more decimals than any before.
 */
export class RecordedInstruments implements InstrumentLookup {
  private readonly byId = new Map<string, InstrumentTick>();
  private readonly known = new Map<SymbolName, { instrument: InstrumentTick; published: boolean }>();
  private readonly inferred = new Map<SymbolName, Inferred>();

  constructor(
    private readonly venue: VenueId,
    private readonly out: TickSink,
  ) {}

  byNativeId(nativeId: string): InstrumentTick | undefined {
    const found = this.byId.get(nativeId);
    if (found !== undefined) return found;
    const parts = symbolOfNativeId(this.venue, nativeId);
    if (parts === undefined) return undefined;
    return this.infer(parts, nativeId).instrument;
  }

  /** The instrument of a symbol as the recording brought it; inferred ones have no decimals to go by. */
  of(symbol: SymbolName): InstrumentTick | undefined {
    return this.known.get(symbol)?.instrument;
  }

  /** The instrument of an id whose symbol is known otherwise than by the id alone; inferred where the recording brings none. */
  name(parts: SymbolParts, nativeId: string): InstrumentTick {
    return this.of(parts.symbol) ?? (this.inferred.get(parts.symbol) ?? this.infer(parts, nativeId)).instrument;
  }

  /** Takes in an instrument that the recording brings. */
  learn(instrument: InstrumentTick): void {
    this.byId.set(instrument.nativeId, instrument);
    const before = this.known.get(instrument.symbol);
    // What governed ticks already is followed by what governs from here on; else the first tick brings it out.
    const now = before?.published === true || this.inferred.get(instrument.symbol)?.published === true;
    this.inferred.delete(instrument.symbol);
    const changed = before === undefined || !equal(before.instrument, instrument);
    this.known.set(instrument.symbol, { instrument, published: now });
    if (now && changed) this.out(instrument);
  }

  /** Brings a known instrument out at once, where no tick has yet. */
  show(symbol: SymbolName): void {
    const known = this.known.get(symbol);
    if (known === undefined || known.published) return;
    known.published = true;
    this.out(known.instrument);
  }

  /** To be called with every tick before it is published: publishes first what must govern it. */
  govern(tick: RawTick): void {
    if (tick.kind === "heartbeat" || tick.kind === "instrument" || tick.kind === "oracle") return;
    const known = this.known.get(tick.symbol);
    if (known !== undefined) {
      if (known.published) return;
      known.published = true;
      this.out(known.instrument);
      return;
    }
    const inferred = this.inferred.get(tick.symbol) ?? this.infer(instrumentOfSymbol(tick.symbol), tick.symbol);
    if (!widen(inferred, tick) && inferred.published) return;
    inferred.published = true;
    this.out({
      ...inferred.instrument,
      exchangeTime: tick.receiveTime,
      receiveTime: tick.receiveTime,
      tickSize: sizeOf(inferred.priceDecimals),
      lotSize: sizeOf(inferred.qtyDecimals),
    });
  }

  private infer(parts: SymbolParts, nativeId: string): Inferred {
    const instrument: InstrumentTick = {
      kind: "instrument",
      exchange: this.venue,
      symbol: parts.symbol,
      exchangeTime: 0,
      receiveTime: 0,
      nativeId,
      status: "trading",
      contractType: parts.contractType,
      base: parts.base,
      quote: parts.quote,
      tickSize: "1",
      lotSize: "1",
      contractSize: contractSizeOf(this.venue, parts.base),
      inferred: true,
    };
    const inferred: Inferred = { instrument, priceDecimals: 0, qtyDecimals: 0, published: false };
    this.byId.set(nativeId, instrument);
    this.inferred.set(parts.symbol, inferred);
    return inferred;
  }
}

/** @returns whether a value of the tick has more decimals than any before */
function widen(inferred: Inferred, tick: Exclude<RawTick, { kind: "heartbeat" | "instrument" | "oracle" }>): boolean {
  const { priceDecimals, qtyDecimals } = inferred;
  switch (tick.kind) {
    case "trade":
      widenPrice(inferred, tick.price);
      widenQty(inferred, tick.qty);
      break;
    case "quote":
      widenPrice(inferred, tick.bidPrice);
      widenPrice(inferred, tick.askPrice);
      widenQty(inferred, tick.bidQty);
      widenQty(inferred, tick.askQty);
      break;
    case "ticker":
      widenPrice(inferred, tick.lastPrice);
      if (tick.open24h !== undefined) widenPrice(inferred, tick.open24h);
      if (tick.high24h !== undefined) widenPrice(inferred, tick.high24h);
      if (tick.low24h !== undefined) widenPrice(inferred, tick.low24h);
      if (tick.volume24h !== undefined) widenQty(inferred, tick.volume24h);
      break;
    case "depth":
      for (const [price, qty] of tick.bids) {
        widenPrice(inferred, price);
        widenQty(inferred, qty);
      }
      for (const [price, qty] of tick.asks) {
        widenPrice(inferred, price);
        widenQty(inferred, qty);
      }
      break;
  }
  return inferred.priceDecimals > priceDecimals || inferred.qtyDecimals > qtyDecimals;
}

function widenPrice(inferred: Inferred, text: string): void {
  inferred.priceDecimals = moreDecimals(text, inferred.priceDecimals);
}

function widenQty(inferred: Inferred, text: string): void {
  inferred.qtyDecimals = moreDecimals(text, inferred.qtyDecimals);
}

/** History holds 18 decimals; a value with more is refused in cleaning instead of widening everything. */
const MOST_DECIMALS = 18;

/** The larger of `least` and the text's significant decimals ("1.50" has one). */
function moreDecimals(text: string, least: number): number {
  let point = -1;
  let end = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 46) point = at;
    else if (code > 48 && code <= 57) end = at + 1;
    else if (code !== 48) return moreDecimalsOfOddText(text, least);
  }
  return point < 0 ? least : Math.min(MOST_DECIMALS, Math.max(least, end - point - 1));
}

/** With a sign or an exponent; or no decimal at all, which cleaning refuses and says why. */
function moreDecimalsOfOddText(text: string, least: number): number {
  try {
    return Math.min(MOST_DECIMALS, Math.max(least, decimalsOf(text)));
  } catch {
    return least;
  }
}

/** "1", "0.1", "0.01", … */
function sizeOf(decimals: number): string {
  return decimals === 0 ? "1" : `0.${"0".repeat(decimals - 1)}1`;
}

function equal(a: InstrumentTick, b: InstrumentTick): boolean {
  return (
    a.tickSize === b.tickSize &&
    a.lotSize === b.lotSize &&
    a.contractSize === b.contractSize &&
    a.status === b.status &&
    a.contractType === b.contractType
  );
}
