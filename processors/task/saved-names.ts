import { isSymbol, isVenue } from "../../schemas/names.js";
import type { InstrumentTick } from "../../schemas/ticks.js";
import { AGGREGATE, type SymbolName, type VenueId } from "../../schemas/words.js";
import type { Json } from "./operator.js";

/** Whether the names in a state, if it has any, are names. */
export function isNamed(value: Json): boolean {
  const { instrument, symbol = instrument?.symbol, exchange = instrument?.exchange } = value as unknown as SavedNames;
  if (symbol !== undefined && !isSymbol(symbol)) return false;
  return exchange === undefined || exchange === null || exchange === AGGREGATE || isVenue(exchange);
}

interface SavedNames {
  readonly instrument?: InstrumentTick;
  readonly symbol?: SymbolName;
  readonly exchange?: VenueId | null;
}
