import { codeOf, symbolOfText } from "../../schemas/names.js";
import type { InstrumentTick } from "../../schemas/ticks.js";
import type { SymbolName } from "../../schemas/words.js";

/** The instrument under the market's name. */
export function named(instrument: InstrumentTick, symbol: SymbolName): InstrumentTick {
  return { ...instrument, symbol, base: codeOf(instrument.base), quote: codeOf(instrument.quote) };
}

/** The name of a market: characters that ccxt leaves in its symbols are escaped. @throws what can not be a name */
export function nameOf(ccxtSymbol: string): SymbolName {
  return symbolOfText(ccxtSymbol);
}
