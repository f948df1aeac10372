import type { InstrumentTick } from "../schemas/ticks.js";
import type { SymbolName } from "../schemas/words.js";
import type { Venue } from "./venue.js";

/** What a venue's listings ask of its subscriptions. */
export interface Listings {
  /** To be subscribed. */
  readonly fresh: readonly InstrumentTick[];
  /** To be left, with the reason: `delisted`, or `relisted` where the market is among the fresh, too. */
  readonly gone: ReadonlyMap<SymbolName, string>;
}

/** @param subscribed the instrument that a symbol is subscribed by */
export function listingsOf(
  venue: Pick<Venue, "resubscribe">,
  known: readonly InstrumentTick[],
  subscribed: (symbol: SymbolName) => InstrumentTick | undefined,
): Listings {
  const fresh: InstrumentTick[] = [];
  const gone = new Map<SymbolName, string>();
  for (const instrument of known) {
    const { symbol, status } = instrument;
    const former = subscribed(symbol);
    const isDelisted = status === "delisted";
    if (former === undefined) {
      if (!isDelisted) fresh.push(instrument);
    } else if (isDelisted) gone.set(symbol, "delisted");
    else if (isAnother(venue, former, instrument)) {
      gone.set(symbol, "relisted");
      fresh.push(instrument);
    }
  }
  return { fresh, gone };
}

/** Its streams go by another name; or its book's checksum by other decimals. */
function isAnother({ resubscribe }: Pick<Venue, "resubscribe">, former: InstrumentTick, now: InstrumentTick): boolean {
  if (former.nativeId !== now.nativeId) return true;
  return resubscribe !== undefined && (former.tickSize !== now.tickSize || former.lotSize !== now.lotSize);
}
