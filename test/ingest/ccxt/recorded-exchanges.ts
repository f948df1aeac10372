import type { FeedKind } from "../../../ingest/venue.js";
import { market } from "./recorded-exchange.js";
import { scaled, type Truth } from "./truth.js";

// biome-ignore lint/suspicious/noExplicitAny: frames of a dozen exchanges
type Message = any;

/** A recording of one exchange, and how its frames are to be read. */
export interface RecordedSubject {
  readonly id: string;
  readonly file: string;
  /** Which of its sockets. */
  readonly conn?: RegExp;
  readonly markets: readonly ReturnType<typeof market>[];
  readonly kinds: readonly FeedKind[];
  /** Reads one frame, or an answer of REST about a book. */
  readonly read: (message: Message, truth: Truth) => void;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly apart?: boolean;
  readonly answer?: (sent: string) => readonly string[];
  /** Which socket a frame belongs to, and the frame that ccxt's own socket would bring. */
  readonly unwrap?: (frame: string) => { readonly sent: string; readonly data: string };
  /** Which recorded answer of REST a URL asks for: the same text is made of both. */
  readonly restKey?: (url: string) => string | undefined;
  /** Answers of REST that are in no recording. */
  readonly rest?: (url: string) => string | undefined;
}

/** Binance's combined streams are raw ones in ccxt, a socket for each kind. */
const binance = {
  apart: true,
  answer: (sent: string) => {
    const { id } = JSON.parse(sent) as { id: number };
    return [JSON.stringify({ result: null, id })];
  },
  unwrap: (frame: string) => ({
    sent: /"stream":"([^"]+)"/.exec(frame)![1]!,
    data: frame.slice(frame.indexOf('"data":') + 7, -1),
  }),
  restKey: (url: string) => (url.includes("/depth") ? /symbol=(\w+)/.exec(url)?.[1] : undefined),
  // the recordings have aggregated trades
  settings: { options: { watchTrades: { name: "aggTrade" } } },
  read: binanceFrame,
};

const snapshotIds = new WeakMap<Truth, Map<string, number>>();

function binanceFrame(message: Message, truth: Truth): void {
  const ids = snapshotIds.get(truth) ?? new Map<string, number>();
  snapshotIds.set(truth, ids);
  if (message.lastUpdateId !== undefined) {
    ids.set(message.key, Number(message.lastUpdateId));
    truth.snapshot(message.key, message.bids, message.asks);
    return;
  }
  const { data, stream } = message;
  if (stream.endsWith("@aggTrade")) truth.trade(data.s, data.a, data.p, data.q, data.m ? "sell" : "buy");
  if (stream.endsWith("@bookTicker")) truth.quote(data.s, [data.b, data.B, data.a, data.A]);
  if (data.e !== "depthUpdate" || Number(data.u) <= (ids.get(data.s) ?? 0)) return;
  truth.levels(data.s, data.b, data.a);
  // what ccxt keeps of Binance's books
  truth.trim(data.s, 1_000);
}

export const recordedSubjects: readonly RecordedSubject[] = [
  {
    ...binance,
    id: "binance",
    file: "BINANCE",
    markets: [market("NKNUSDT", "NKN/USDT"), market("BLZETH", "BLZ/ETH"), market("RUNEEUR", "RUNE/EUR")],
    kinds: ["trade", "quote", "depth"],
  },
  {
    ...binance,
    id: "binanceusdm",
    file: "BINANCE_FUTURES",
    markets: [market("SUSHIUSDT", "SUSHI/USDT:USDT"), market("AKROUSDT", "AKRO/USDT:USDT")],
    kinds: ["trade", "quote", "depth"],
  },
  {
    id: "bitstamp",
    file: "BITSTAMP",
    markets: [market("ethusd", "ETH/USD"), market("bateur", "BAT/EUR"), market("usdtusd", "USDT/USD")],
    kinds: ["trade", "depth"],
    restKey: (url) => /order_book\/(\w+)/.exec(url)?.[1],
    read: (message, truth) => {
      const ids = snapshotIds.get(truth) ?? new Map<string, number>();
      snapshotIds.set(truth, ids);
      if (message.key !== undefined) {
        ids.set(message.key, Number(message.microtimestamp));
        truth.snapshot(message.key, message.bids, message.asks);
        return;
      }
      const { channel = "", event, data } = message;
      const id = channel.split("_").at(-1);
      if (event === "trade") {
        truth.trade(id, data.id, data.price_str, data.amount_str, data.type === "0" ? "buy" : "sell");
      }
      if (event === "data" && Number(data.microtimestamp) > (ids.get(id) ?? 0)) truth.levels(id, data.bids, data.asks);
    },
  },
  {
    id: "bybit",
    file: "BYBIT.shared-symbols",
    conn: /ws\.2$/,
    markets: [market("BTCUSDT", "BTC/USDT:USDT"), market("SOLUSDT", "SOL/USDT:USDT")],
    kinds: ["trade", "ticker", "depth"],
    read: ({ topic = "", type, data }, truth) => {
      if (topic.startsWith("publicTrade")) for (const { s, i, p, v, S } of data) truth.trade(s, i, p, v, S);
      if (topic.startsWith("tickers")) truth.last(data.symbol, data.lastPrice);
      if (topic.startsWith("orderbook")) truth[type === "snapshot" ? "snapshot" : "levels"](data.s, data.b, data.a);
    },
  },
  {
    id: "coinbase",
    file: "COINBASE",
    markets: [market("BTC-USD", "BTC/USD"), market("ETH-USD", "ETH/USD")],
    kinds: ["trade", "quote", "ticker", "depth"],
    read: ({ channel, events = [] }, truth) => {
      for (const { type, trades = [], tickers = [], updates = [], product_id: id } of events) {
        // the maker's side stands there
        if (channel === "market_trades")
          for (const trade of trades)
            truth.trade(
              trade.product_id,
              trade.trade_id,
              trade.price,
              trade.size,
              trade.side === "SELL" ? "buy" : "sell",
            );
        if (channel === "ticker")
          for (const ticker of tickers) {
            truth.last(ticker.product_id, ticker.price);
            truth.quote(ticker.product_id, [
              ticker.best_bid,
              ticker.best_bid_quantity,
              ticker.best_ask,
              ticker.best_ask_quantity,
            ]);
          }
        if (channel !== "l2_data") continue;
        const levels = (side: string) =>
          updates
            .filter((update: Message) => update.side === side)
            .map((update: Message) => [update.price_level, update.new_quantity]);
        truth[type === "snapshot" ? "snapshot" : "levels"](id, levels("bid"), levels("offer"));
      }
    },
  },
  {
    id: "cryptocom",
    file: "CRYPTO.COM",
    markets: [market("MATIC_USDT", "MATIC/USDT"), market("HNT_USDT", "HNT/USDT"), market("GRT_CRO", "GRT/CRO")],
    kinds: ["trade", "ticker", "depth"],
    read: ({ result }, truth) => {
      const { channel, instrument_name: id, data = [] } = result ?? {};
      if (channel === "trade") for (const { d, p, q, s } of data) truth.trade(id, d, p, q, s);
      if (channel === "ticker") for (const { a } of data) truth.last(id, a);
      if (channel === "book") for (const { bids, asks } of data) truth.snapshot(id, bids, asks);
    },
  },
  {
    id: "htx",
    file: "HUOBI",
    markets: [market("trioeth", "TRIO/ETH"), market("xvgeth", "XVG/ETH"), market("borusdt", "BOR/USDT")],
    kinds: ["trade"],
    read: ({ ch = "", tick }, truth) => {
      const id = ch.split(".")[1];
      if (ch.endsWith("trade.detail"))
        for (const { tradeId, price, amount, direction } of tick.data)
          truth.trade(id, tradeId, price, amount, direction);
    },
  },
  {
    id: "kucoin",
    file: "KUCOIN",
    markets: [market("SNX-BTC", "SNX/BTC"), market("BCHSV-USDT", "BCHSV/USDT"), market("CAPP-BTC", "CAPP/BTC")],
    kinds: ["ticker", "depth"],
    rest: (url) =>
      url.includes("bullet-public")
        ? '{"code":"200000","data":{"token":"t","instanceServers":[{"endpoint":"wss://recorded/endpoint","pingInterval":18000}]}}'
        : undefined,
    restKey: (url) => (url.includes("level2") ? /symbol=([\w-]+)/.exec(url)?.[1] : undefined),
    read: (message, truth) => {
      const ids = snapshotIds.get(truth) ?? new Map<string, number>();
      snapshotIds.set(truth, ids);
      const { data, key, topic = "" } = message;
      if (key !== undefined) {
        ids.set(key, Number(data.sequence));
        truth.snapshot(key, data.bids, data.asks);
      } else if (topic.startsWith("/market/ticker")) {
        truth.last(topic.split(":")[1], data.price);
      } else if (topic.startsWith("/market/level2")) {
        const known = ids.get(data.symbol) ?? 0;
        // each level has its own sequence; a price of 0 only moves it
        const levels = (changes: Message) =>
          changes.filter(([price, , sequence]: readonly string[]) => price !== "0" && Number(sequence) > known);
        truth.levels(data.symbol, levels(data.changes.bids), levels(data.changes.asks));
      }
    },
  },
  {
    id: "okx",
    file: "OKX.shared-symbols",
    markets: [market("BTC-USDT", "BTC/USDT"), market("UNI-USD-SWAP", "UNI/USD:UNI")],
    kinds: ["trade", "quote", "ticker", "depth"],
    read: ({ arg, action, data = [] }, truth) => {
      for (const row of data) {
        if (arg.channel === "trades") truth.trade(row.instId, row.tradeId, row.px, row.sz, row.side);
        if (arg.channel === "tickers") {
          truth.last(row.instId, row.last);
          truth.quote(row.instId, [row.bidPx, row.bidSz, row.askPx, row.askSz]);
        }
        if (arg.channel === "books")
          truth[action === "snapshot" ? "snapshot" : "levels"](arg.instId, row.bids, row.asks);
      }
    },
  },
  {
    id: "phemex",
    file: "PHEMEX",
    markets: [
      market("YFIUSD", "YFI/USD:USD", { priceScale: 4, valueScale: 4, amountScale: 0 }),
      market("XTZUSD", "XTZ/USD:USD", { priceScale: 4, valueScale: 4, amountScale: 0 }),
    ],
    kinds: ["depth"],
    read: ({ symbol, type, book }, truth) => {
      if (book === undefined) return;
      const levels = (side: Message) => side.map(([price, qty]: readonly string[]) => [scaled(price, 4), qty]);
      truth[type === "snapshot" ? "snapshot" : "levels"](symbol, levels(book.bids), levels(book.asks));
      truth.trim(symbol, 30);
    },
  },
  {
    id: "poloniex",
    file: "POLONIEX",
    markets: [market("BTC_USDT", "BTC/USDT"), market("USDJ_USDT", "USDJ/USDT")],
    kinds: ["trade", "depth"],
    read: ({ channel, action, data = [] }, truth) => {
      for (const row of data) {
        if (channel === "trades") truth.trade(row.symbol, row.id, row.price, row.quantity, row.takerSide);
        if (channel === "book_lv2")
          truth[action === "snapshot" ? "snapshot" : "levels"](row.symbol, row.bids, row.asks);
      }
    },
  },
];
