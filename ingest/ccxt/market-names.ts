import { codeOf, symbolOfText } from "../../schemas/names.js";
import type { InstrumentTick } from "../../schemas/ticks.js";
import type { SymbolName } from "../../schemas/words.js";
import type { CcxtMarket } from "./library.js";

/** The market of a name; ccxt leaves characters in its symbols that a name has escaped. */
export function marketOf(markets: Readonly<Record<string, CcxtMarket>>, symbol: SymbolName): CcxtMarket | undefined {
  return markets[symbol] ?? Object.values(markets).find((market) => nameOf(market.symbol) === symbol);
}

/** The instrument under the market's name. */
export function named(instrument: InstrumentTick, symbol: SymbolName): InstrumentTick {
  return { ...instrument, symbol, base: codeOf(instrument.base), quote: codeOf(instrument.quote) };
}

function nameOf(text: string): SymbolName | undefined {
  try {
    return symbolOfText(text);
  } catch {
    return undefined;
  }
}
