import type { InstrumentTick } from "../schemas/ticks.js";
import type { InstrumentLookup } from "./venue.js";

/** The instruments that are taken in of one venue, by native id and by symbol. */
export class Instruments implements InstrumentLookup {
  private readonly byId = new Map<string, InstrumentTick>();
  private readonly bySymbol = new Map<string, InstrumentTick>();

  byNativeId(nativeId: string): InstrumentTick | undefined {
    return this.byId.get(nativeId);
  }

  of(symbol: string): InstrumentTick | undefined {
    return this.bySymbol.get(symbol);
  }

  all(): readonly InstrumentTick[] {
    return [...this.bySymbol.values()];
  }

  /** One whose native id is another takes the former's place. @returns true when something but its times has changed */
  put(instrument: InstrumentTick): boolean {
    const before = this.bySymbol.get(instrument.symbol);
    if (before !== undefined && before.nativeId !== instrument.nativeId) this.byId.delete(before.nativeId);
    this.byId.set(instrument.nativeId, instrument);
    this.bySymbol.set(instrument.symbol, instrument);
    return before === undefined || !sameInstrument(before, instrument);
  }
}

function sameInstrument(a: InstrumentTick, b: InstrumentTick): boolean {
  const timeless = (instrument: InstrumentTick) => ({ ...instrument, exchangeTime: 0, receiveTime: 0 });
  return JSON.stringify(timeless(a)) === JSON.stringify(timeless(b));
}
