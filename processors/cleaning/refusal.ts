import { isVenue, nameFault, shownName } from "../../schemas/names.js";
import type { SymbolName, VenueId } from "../../schemas/words.js";

/** Why a tick is refused: a stable word, and what a person wants to know beside it. */
export class Refusal {
  constructor(
    readonly reason: string,
    readonly detail: string,
  ) {}
}

/** Of what no channel can be named after. */
export function badName({ exchange, symbol }: { readonly exchange: VenueId; readonly symbol: SymbolName }) {
  const fault = isVenue(exchange)
    ? nameFault(symbol)
    : `the venue ${shownName(exchange)}: small letters, digits and . _ -`;
  return fault === undefined ? undefined : new Refusal("bad_name", fault);
}
