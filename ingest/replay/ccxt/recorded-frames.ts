import { marketSymbol } from "../../../schemas/names.js";
import type { VenueId } from "../../../schemas/words.js";
import type { FeedKind } from "../../venue.js";
import { type SymbolParts, symbolOfNativeId } from "../symbols.js";

// biome-ignore lint/suspicious/noExplicitAny: frames of several exchanges, as far as their streams' names stand in them
type Message = any;

/** A stream of which a frame brings something. */
export interface RecordedStream {
  /** The exchange's own id of the market. */
  readonly nativeId: string;
  readonly kinds: readonly FeedKind[];
  /** Which of several books of one market, where the exchange streams them by depth: only one can be kept. */
  readonly book?: string;
  /** Of a book: the frame has it whole, so that it may begin with it. */
  readonly isWhole?: boolean;
}

/** How frames of one exchange, in the form that ccxt's handlers read, tell the streams that they are of. */
export interface RecordedFrames {
  /** Nothing where the frame is of no stream, or in a form that ccxt does not read. */
  readonly streams: (message: Message) => readonly RecordedStream[];
  /**
   * The market of an id; undefined where the id does not say it.
   *
   * @param address of the socket, as far as the recording has it
   */
  readonly market: (nativeId: string, address: string) => SymbolParts | undefined;
  /** Which of ccxt's sockets the frames of an address are of, where ccxt has several; any where it is left out. */
  readonly isSocket?: (url: string, parts: SymbolParts) => boolean;
}

const none: readonly RecordedStream[] = [];
const stream = (nativeId: string, ...kinds: FeedKind[]): RecordedStream[] => [{ nativeId, kinds }];
const book = (nativeId: string, isWhole: boolean, depth?: string): RecordedStream[] => [
  { nativeId, kinds: ["depth"], isWhole, ...(depth !== undefined && { book: depth }) },
];
const unique = (ids: readonly string[]): string[] => [...new Set(ids)];

/** Markets whose id is base and quote, in spot. */
const spot = (venue: VenueId) => (nativeId: string) => symbolOfNativeId(venue, nativeId.toUpperCase());

function contract(base: string, quote: string, settle: string, delivery?: string): SymbolParts {
  const symbol = marketSymbol(base, quote, settle, delivery);
  return { symbol, base, quote, contractType: settle === base ? "inverse" : "linear" };
}

/** https://bybit-exchange.github.io/docs/v5/websocket/public/trade and beside it, 2026-08; ccxt 4.5.84 */
const bybit: RecordedFrames = {
  streams: ({ topic, type }) => {
    if (typeof topic !== "string") return none;
    const [name, ...rest] = topic.split(".");
    const nativeId = rest.at(-1)!;
    if (name === "publicTrade") return stream(nativeId, "trade");
    if (name === "tickers") return stream(nativeId, "ticker");
    if (name !== "orderbook") return none;
    return rest[0] === "1" ? stream(nativeId, "quote") : book(nativeId, type === "snapshot", rest[0]!);
  },
  market: (nativeId, address) => {
    const isSpot = address.endsWith("/spot");
    if (isSpot) return symbolOfNativeId("bybit", nativeId);
    const [, usdc] = /^(.+)PERP$/.exec(nativeId) ?? [];
    if (usdc !== undefined) return contract(usdc, "USDC", "USDC");
    const [, base, quote] = /^(.+?)(USDT|USD)$/.exec(nativeId) ?? [];
    if (base === undefined || quote === undefined) return undefined;
    return contract(base, quote, quote === "USD" ? base : quote);
  },
  isSocket: (url, { contractType }) => url.endsWith(`/${contractType}`),
};

/** https://www.gate.com/docs/developers/apiv4/ws/en/, 2026-10; ccxt 4.5.84 asks for `spot.obu` of books. */
const gate: RecordedFrames = {
  streams: ({ channel, event, result }) => {
    if ((event !== undefined && event !== "update") || result === undefined || result === null) return none;
    if (channel === "spot.trades") {
      const trades: readonly { currency_pair: string }[] = [result].flat();
      return unique(trades.map(({ currency_pair: id }) => id)).flatMap((id) => stream(id, "trade"));
    }
    if (channel === "spot.tickers") return stream(result.currency_pair, "ticker");
    if (channel === "spot.book_ticker") return stream(result.s, "quote");
    if (channel !== "spot.obu") return none;
    const [, nativeId, depth] = String(result.s).split(".");
    return nativeId === undefined || depth === undefined ? none : book(nativeId, result.full === true, depth);
  },
  market: (nativeId) => (nativeId.includes("_") ? symbolOfNativeId("gate", nativeId) : undefined),
};

/** https://docs.gemini.com/websocket/market-data/v2/about, 2026-10; its newer streams of Binance's form ccxt does not read. */
const gemini: RecordedFrames = {
  streams: ({ type, symbol, trades, auction_events: auctions }) => {
    if (typeof symbol !== "string") return none;
    const nativeId = symbol.toLowerCase();
    if (type === "trade") return stream(nativeId, "trade");
    if (type !== "l2_updates") return none;
    // by which ccxt, too, tells the first one
    const isWhole = trades !== undefined && auctions !== undefined;
    return [{ nativeId, kinds: trades === undefined ? ["depth"] : ["depth", "trade"], isWhole }];
  },
  market: spot("gemini"),
};

const krakenAssets: Readonly<Record<string, string>> = { XBT: "BTC", XDG: "DOGE" };

/** https://docs.kraken.com/api/docs/futures-api/websocket/trade, 2026-11 (it ends 2027-03-01); ccxt 4.5.84 */
const krakenfutures: RecordedFrames = {
  streams: ({ feed, product_id: nativeId, event }) => {
    if (typeof nativeId !== "string" || event !== undefined) return none;
    if (feed === "trade" || feed === "trade_snapshot") return stream(nativeId, "trade");
    if (feed === "ticker") return stream(nativeId, "ticker");
    if (feed === "ticker_lite") return stream(nativeId, "quote");
    return feed === "book" || feed === "book_snapshot" ? book(nativeId, feed === "book_snapshot") : none;
  },
  market: (nativeId) => {
    const [, kind, asset, delivery] = /^(PI|FI|PF|FF)_([A-Z0-9]+)USD(?:_(\d{6}))?$/.exec(nativeId) ?? [];
    if (kind === undefined || asset === undefined) return undefined;
    const base = krakenAssets[asset] ?? asset;
    return contract(base, "USD", kind.endsWith("I") ? base : "USD", delivery);
  },
};

/** https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels, 2026-10 */
const coinbase: RecordedFrames = {
  streams: ({ channel, events }) => {
    if (!Array.isArray(events)) return none;
    const ids = (rows: readonly { product_id: string }[] = []) => unique(rows.map(({ product_id: id }) => id));
    return events.flatMap(({ type, trades, tickers, product_id: id }: Message) => {
      if (channel === "market_trades") return ids(trades).flatMap((one) => stream(one, "trade"));
      if (channel === "ticker") return ids(tickers).flatMap((one) => stream(one, "ticker", "quote"));
      return channel === "l2_data" && typeof id === "string" ? book(id, type === "snapshot") : none;
    });
  },
  market: spot("coinbase"),
};

/** https://exchange-docs.crypto.com/exchange/v1/rest-ws/index.html#websocket-subscriptions, 2026-10 */
const cryptocom: RecordedFrames = {
  streams: ({ result }) => {
    const { channel, instrument_name: nativeId, depth } = result ?? {};
    if (typeof nativeId !== "string") return none;
    if (channel === "trade") return stream(nativeId, "trade");
    if (channel === "ticker") return stream(nativeId, "ticker");
    if (channel !== "book" && channel !== "book.update") return none;
    return book(nativeId, channel === "book", String(depth ?? ""));
  },
  market: (nativeId) => (/^[^_-]+_[^_-]+$/.test(nativeId) ? symbolOfNativeId("cryptocom", nativeId) : undefined),
};

/** https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/subscriptions, 2026-11 */
const hyperliquid: RecordedFrames = {
  streams: ({ channel, data }) => {
    if (channel === "trades" && Array.isArray(data))
      return unique(data.map(({ coin }: Message) => coin)).flatMap((coin) => stream(coin, "trade"));
    return channel === "l2Book" && typeof data?.coin === "string" ? book(data.coin, true) : none;
  },
  // spot markets are numbers there, `@107`, which only its list names
  market: (coin) => (/^[A-Za-z0-9]+$/.test(coin) ? contract(coin, "USDC", "USDC") : undefined),
};

/** https://www.htx.com/en-us/opend/newApiPages/, 2026-10; ccxt asks for `mbp` books with answers of its own. */
const htx: RecordedFrames = {
  streams: ({ ch }) => {
    const [, nativeId] = /^market\.([^.]+)\.trade\.detail$/.exec(String(ch)) ?? [];
    return nativeId === undefined ? none : stream(nativeId, "trade");
  },
  // contracts bear capitals
  market: (nativeId) => (/^[a-z0-9]+$/.test(nativeId) ? symbolOfNativeId("htx", nativeId.toUpperCase()) : undefined),
};

/** https://api-docs.poloniex.com/spot/websocket/market-data, 2026-10 */
const poloniex: RecordedFrames = {
  streams: ({ channel, action, data }) => {
    if ((channel !== "trades" && channel !== "book_lv2") || !Array.isArray(data)) return none;
    return unique(data.map(({ symbol }: Message) => symbol)).flatMap((id) =>
      channel === "trades" ? stream(id, "trade") : book(id, action === "snapshot"),
    );
  },
  market: spot("poloniex"),
};

/** The registry of exchanges whose recordings replay through ccxt: one line an exchange. */
const registry: Readonly<Record<VenueId, RecordedFrames>> = {
  bybit,
  coinbase,
  cryptocom,
  gate,
  gemini,
  htx,
  hyperliquid,
  krakenfutures,
  poloniex,
};

/** Ids of the exchanges whose recordings replay through ccxt. */
export const recordedCcxtIds: readonly VenueId[] = Object.keys(registry);

export function recordedFramesOf(id: VenueId): RecordedFrames | undefined {
  return Object.hasOwn(registry, id) ? registry[id] : undefined;
}
