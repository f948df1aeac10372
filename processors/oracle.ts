import type { DecimalText, Micros, SymbolName, VenueId } from "../schemas/words.js";
import type { CleanOracle } from "./cleaning/oracle-price.js";
import type { Json, Operator, SaveState } from "./task/operator.js";

/** The last price of each oracle, in the order of the log: a later one may be of an earlier time, after a reorganisation. */
export class OracleOperator implements Operator {
  readonly name = "oracle";
  readonly #prices = new Map<string, CleanOracle>();

  onOracle(price: CleanOracle): void {
    this.#prices.set(keyOf(price.exchange, price.symbol), price);
  }

  /** The last price; undefined where the exchange is no oracle of the symbol. */
  priceOf(exchange: VenueId, symbol: SymbolName): { readonly price: DecimalText; readonly time: Micros } | undefined {
    return this.#prices.get(keyOf(exchange, symbol));
  }

  save(write: SaveState): void {
    for (const [key, price] of this.#prices) write(key, { ...price });
  }

  load(key: string, value: Json): void {
    this.#prices.set(key, value as unknown as CleanOracle);
  }
}

const keyOf = (exchange: VenueId, symbol: SymbolName): string => `${symbol}@${exchange}`;
