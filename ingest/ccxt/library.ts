import { PlantError } from "../../infra/errors.js";
import type { VenueId } from "../../schemas/words.js";

/**
 * What the plant uses of ccxt, in its own words: ccxt's declarations are megabytes, and are not to be read for these few.
 * Amounts are texts, since exchanges are made with `number: String` (exact-exchange.ts).
 */
export interface CcxtExchange {
  readonly id: string;
  readonly has: Record<string, unknown>;
  readonly urls: { api: unknown };
  readonly options: Record<string, unknown>;
  readonly precisionMode: number;
  readonly markets: Readonly<Record<string, CcxtMarket>> | undefined;
  clients: Record<string, CcxtClient>;
  readonly tickers: Record<string, CcxtTicker | undefined>;
  readonly bidsasks: Record<string, CcxtTicker | undefined>;
  readonly trades: Record<string, unknown>;
  orderbooks: Record<string, CcxtBook>;
  /** Of the exchanges that have one. */
  handleOrderBook?: (client: Pick<CcxtClient, "url" | "resolve">, message: unknown) => unknown;
  safeFloat: (from: unknown, key: string | number, otherwise?: unknown) => unknown;
  safeFloat2: (from: unknown, key: string | number, other: string | number, otherwise?: unknown) => unknown;
  safeString2(from: unknown, key: string | number, other: string | number): string | undefined;
  safeString(from: unknown, key: string | number, otherwise?: unknown): string | undefined;
  numberToString(value: unknown): string | undefined;
  parseJson(text: string): unknown;
  safeTicker(ticker: Record<string, unknown>, market?: unknown): CcxtTicker;
  client(url: string): CcxtClient;
  onConnected(client: CcxtClient): void;
  onError(client: CcxtClient, error: unknown): void;
  onClose(client: CcxtClient, error: unknown): void;
  orderBook(snapshot?: CcxtSnapshot, depth?: number): CcxtBook;
  countedOrderBook(snapshot?: CcxtSnapshot, depth?: number): CcxtBook;
  indexedOrderBook(snapshot?: CcxtSnapshot, depth?: number): CcxtBook;
  readonly timeframes: Readonly<Record<string, unknown>> | undefined;
  loadHttpProxyAgent(): Promise<unknown>;
  setMarkets: (markets: unknown) => unknown;
  loadMarkets(reload?: boolean): Promise<Readonly<Record<string, CcxtMarket>>>;
  watchTrades(symbol: string): Promise<readonly CcxtTrade[]>;
  watchOrderBook(symbol: string, limit?: number, params?: Readonly<Record<string, unknown>>): Promise<CcxtBook>;
  watchTicker(symbol: string, params?: Record<string, unknown>): Promise<CcxtTicker>;
  watchTickers(symbols: readonly string[]): Promise<Readonly<Record<string, CcxtTicker>>>;
  watchBidsAsks(symbols: readonly string[]): Promise<Readonly<Record<string, CcxtTicker>>>;
  fetchTrades(symbol: string, since?: number, limit?: number): Promise<readonly CcxtTrade[]>;
  fetchOHLCV(symbol: string, interval: string, since?: number, limit?: number): Promise<readonly unknown[][]>;
  close(): Promise<void>;
}

/** A WebSocket as ccxt keeps it, one an address. */
export interface CcxtClient {
  readonly url: string;
  readonly isConnected: boolean;
  /** Runs while subscriptions wait for their turn. */
  readonly throttler?: { readonly running: boolean };
  readonly gunzip: boolean;
  readonly inflate: boolean;
  readonly decompressBinary: boolean;
  onMessage(event: { data: unknown }): void;
  onMessageCallback(client: CcxtClient, message: unknown): void;
  resolve(value: unknown, messageHash: string): unknown;
  reject(error: unknown): void;
  send(message: unknown): Promise<unknown>;
  onError(error: unknown): void;
}

export interface CcxtMarket {
  readonly id: string;
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly active?: boolean;
  readonly swap?: boolean;
  /** The exchange's name of the base, where ccxt keeps one. */
  readonly baseName?: string;
  readonly contract?: boolean;
  readonly linear?: boolean;
  readonly inverse?: boolean;
  readonly contractSize?: unknown;
  readonly precision: { readonly price?: unknown; readonly amount?: unknown };
}

export interface CcxtTrade {
  readonly id?: string;
  readonly symbol: string;
  /** ms. */
  readonly timestamp?: number;
  readonly side?: string;
  readonly price?: unknown;
  readonly amount?: unknown;
  readonly info?: unknown;
}

export interface CcxtTicker {
  readonly symbol: string;
  readonly timestamp?: number;
  readonly bid?: unknown;
  readonly bidVolume?: unknown;
  readonly ask?: unknown;
  readonly askVolume?: unknown;
  readonly last?: unknown;
  readonly open?: unknown;
  readonly high?: unknown;
  readonly low?: unknown;
  readonly baseVolume?: unknown;
  readonly quoteVolume?: unknown;
}

/** A side of ccxt's book: an array of [price, amount, …], best price first, with an index of its own. */
export interface CcxtSide extends Array<unknown[]> {
  readonly depth: number;
  storeArray(level: readonly unknown[]): void;
  limit(): void;
}

export interface CcxtBook {
  readonly bids: CcxtSide;
  readonly asks: CcxtSide;
  readonly symbol?: string;
  /** ms. */
  readonly timestamp?: number;
  readonly nonce?: unknown;
  reset(snapshot?: CcxtSnapshot): unknown;
}

export interface CcxtSnapshot {
  readonly bids?: readonly (readonly unknown[])[];
  readonly asks?: readonly (readonly unknown[])[];
}

/** The configuration names an exchange that ccxt does not stream. */
export class UnknownCcxtExchange extends PlantError {
  constructor(id: VenueId, known: readonly string[]) {
    super("TP_CCXT_EXCHANGE", `ccxt streams no exchange "${id}". It streams: ${known.join(", ")}.`);
  }
}

/** A command asked an exchange through ccxt, and the exchange or ccxt did not give what was asked for. */
export class ExchangeUnavailable extends PlantError {
  constructor(id: VenueId, cause: Error) {
    super(
      "TP_EXCHANGE_UNAVAILABLE",
      `${id} does not give it (${cause.name}: ${cause.message.slice(0, 500)}): see that it can be reached from here, and that symbol and interval are ones of its own`,
      { cause },
    );
  }
}

type Exchanges = Readonly<Record<string, (new (options: Record<string, unknown>) => CcxtExchange) | undefined>>;

let loading: Promise<Exchanges> | undefined;

/** ccxt's streaming exchanges. It costs about 0.7 s and 90 MB, so nobody loads it who has not configured it. */
async function streamingExchanges(): Promise<Exchanges> {
  // a name that the compiler can not follow into megabytes of declarations
  const name: string = "ccxt";
  loading ??= import(name).then((library: { default: { pro: Exchanges } }) => library.default.pro);
  return loading;
}

/**
 * An exchange of ccxt by its id, as ccxt makes it.
 *
 * @throws UnknownCcxtExchange
 */
export async function newCcxtExchange(id: VenueId, options: Record<string, unknown>): Promise<CcxtExchange> {
  const exchanges = await streamingExchanges();
  const known = Object.keys(exchanges).filter((name) => typeof exchanges[name] === "function" && /^[a-z]/.test(name));
  const Exchange = known.includes(id) ? exchanges[id] : undefined;
  if (Exchange === undefined) throw new UnknownCcxtExchange(id, known.sort());
  return new Exchange(options);
}

/** Whether ccxt threw it on purpose. */
export function isCcxtError(error: unknown): boolean {
  for (let of = error as object | null; of !== null; of = Object.getPrototypeOf(of) as object | null) {
    if (of.constructor?.name === "BaseError") return true;
  }
  return false;
}
