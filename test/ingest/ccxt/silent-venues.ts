import type { FeedKind } from "../../../ingest/venue.js";

// biome-ignore lint/suspicious/noExplicitAny: frames of ten exchanges
type Message = any;

/** A venue that acknowledges what ccxt asks for and sends nothing: its answers in its documented forms, as small as ccxt reads them. */
export interface SilentVenue {
  /** ccxt's, and of several of one exchange what sets them apart. */
  readonly id: string;
  readonly market?: string;
  readonly symbol: string;
  /** Into `settings.options`: only the markets at hand are asked for. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** By a part of the URL or of the body. */
  readonly rest: Readonly<Record<string, unknown>>;
  /** On connection. */
  readonly welcome?: unknown;
  /** What is subscribed by a frame, by name; none where it is another frame. */
  readonly names: (sent: Message) => readonly string[];
  readonly acknowledge: (sent: Message) => unknown;
  readonly gzip?: true;
  /** Path and name that ccxt is to ask for, of each kind; best prices that come with the ticker have none. */
  readonly streams: Readonly<Partial<Record<FeedKind, string>>>;
  /** A frame of a stream, by its name. */
  readonly frame?: (name: string, count: number) => unknown;
}

const spot = { fetchMarkets: { types: ["spot"] } };
const swap = { fetchMarkets: { types: ["swap"] } };
const parts = (...given: unknown[]) => given.filter((one) => one !== undefined).join(" ");

const bybit = {
  id: "bybit",
  names: ({ op, args }: Message) => (op === "subscribe" ? args : []),
  acknowledge: ({ op, req_id }: Message) => ({ success: true, ret_msg: op, conn_id: "c", req_id, op }),
};
/** In the forms of the exchange's documentation; a book is a snapshot first. */
function bybitFrame(name: string, count: number): unknown {
  const ts = 1_790_000_000_000 + count;
  const price = `${60_000 + count}`;
  const of = (type: string, data: unknown) => ({ topic: name, type, ts, cts: ts, data });
  if (name.startsWith("publicTrade"))
    return of("snapshot", [{ i: `${count}`, T: ts, p: price, v: "0.1", S: "Buy", s: "BTCUSDT", BT: false }]);
  if (name.startsWith("tickers"))
    return of("snapshot", {
      symbol: "BTCUSDT",
      lastPrice: price,
      highPrice24h: price,
      lowPrice24h: "1",
      volume24h: "1",
    });
  const isFirst = count === 1 || name.startsWith("orderbook.1.");
  const bids = [[isFirst ? `${59_000 + count}` : "59001", `${count}`]];
  const asks = isFirst ? [[`${70_000 + count}`, "1"]] : [];
  return of(isFirst ? "snapshot" : "delta", { s: "BTCUSDT", b: bids, a: asks, u: count, seq: count });
}

const bitget = {
  id: "bitget",
  names: ({ op, args }: Message) =>
    op === "subscribe" ? args.map((arg: Message) => parts(arg.instType, arg.channel, arg.instId)) : [],
  acknowledge: ({ op, args }: Message) => ({ event: op, arg: args?.[0] }),
};
const gate = {
  id: "gate",
  names: ({ event, channel, payload }: Message) => (event === "subscribe" ? [parts(channel, ...payload)] : []),
  acknowledge: ({ id, channel, event }: Message) => ({ time: 1, id, channel, event, result: { status: "success" } }),
};
const kucoin = {
  id: "kucoin",
  welcome: { id: "w", type: "welcome" },
  names: ({ type, topic }: Message) => (type === "subscribe" ? [topic] : []),
  acknowledge: ({ id }: Message) => ({ id, type: "ack" }),
};
const htx = {
  id: "htx",
  gzip: true as const,
  names: ({ sub }: Message) => (sub === undefined ? [] : [sub]),
  acknowledge: ({ id, sub }: Message) => ({ id, status: "ok", subbed: sub, ts: 1 }),
};

export const silentVenues: readonly SilentVenue[] = [
  {
    ...bybit,
    symbol: "BTC/USDT",
    options: spot,
    rest: {
      "instruments-info": {
        retCode: 0,
        result: {
          category: "spot",
          list: [
            {
              ...{ symbol: "BTCUSDT", baseCoin: "BTC", quoteCoin: "USDT", status: "Trading" },
              ...{ lotSizeFilter: { basePrecision: "0.000001" }, priceFilter: { tickSize: "0.01" } },
            },
          ],
        },
      },
    },
    frame: bybitFrame,
    streams: {
      trade: "/v5/public/spot publicTrade.BTCUSDT",
      quote: "/v5/public/spot orderbook.1.BTCUSDT",
      ticker: "/v5/public/spot tickers.BTCUSDT",
      depth: "/v5/public/spot orderbook.50.BTCUSDT",
    },
  },
  {
    ...bybit,
    market: "linear",
    symbol: "BTC/USDT:USDT",
    options: { fetchMarkets: { types: ["linear"] } },
    rest: {
      "instruments-info": {
        retCode: 0,
        result: {
          category: "linear",
          list: [
            {
              ...{ symbol: "BTCUSDT", contractType: "LinearPerpetual", status: "Trading", settleCoin: "USDT" },
              ...{ baseCoin: "BTC", quoteCoin: "USDT", launchTime: "1585526400000", deliveryTime: "0" },
              ...{ lotSizeFilter: { qtyStep: "0.001" }, priceFilter: { tickSize: "0.10" } },
            },
          ],
        },
      },
    },
    streams: {
      trade: "/v5/public/linear publicTrade.BTCUSDT",
      quote: "/v5/public/linear orderbook.1.BTCUSDT",
      ticker: "/v5/public/linear tickers.BTCUSDT",
      depth: "/v5/public/linear orderbook.50.BTCUSDT",
    },
  },
  {
    id: "coinbase",
    symbol: "BTC/USD",
    rest: {
      products: {
        products: [
          {
            ...{ product_id: "BTC-USD", base_increment: "0.00000001", quote_increment: "0.01", status: "online" },
            ...{ price_increment: "0.01", product_type: "SPOT", quote_currency_id: "USD", base_currency_id: "BTC" },
            ...{ trading_disabled: false, base_min_size: "0.00000001", base_max_size: "3400" },
          },
        ],
      },
    },
    names: ({ type, channel, product_ids }) => (type === "subscribe" ? [parts(channel, ...(product_ids ?? []))] : []),
    acknowledge: ({ channel, product_ids }) => ({
      ...{ channel: "subscriptions", client_id: "", timestamp: "2026-11-30T00:00:00Z", sequence_num: 0 },
      events: [{ subscriptions: { [channel]: product_ids } }],
    }),
    streams: {
      trade: "/ market_trades BTC-USD",
      ticker: "/ ticker BTC-USD",
      depth: "/ level2 BTC-USD",
    },
  },
  {
    ...bitget,
    symbol: "BTC/USDT",
    options: spot,
    rest: {
      "spot/public/symbols": {
        code: "00000",
        data: [
          {
            ...{ symbol: "BTCUSDT", baseCoin: "BTC", quoteCoin: "USDT", status: "online" },
            ...{ pricePrecision: "2", quantityPrecision: "6", quotePrecision: "8" },
          },
        ],
      },
      currencies: { code: "00000", data: [] },
    },
    streams: {
      trade: "/v2/ws/public SPOT trade BTCUSDT",
      quote: "/v2/ws/public SPOT ticker BTCUSDT",
      ticker: "/v2/ws/public SPOT ticker BTCUSDT",
      depth: "/v2/ws/public SPOT books BTCUSDT",
    },
  },
  {
    ...bitget,
    market: "linear",
    symbol: "BTC/USDT:USDT",
    options: swap,
    rest: {
      "USDT-FUTURES": {
        code: "00000",
        data: [
          {
            ...{ symbol: "BTCUSDT", baseCoin: "BTC", quoteCoin: "USDT", supportMarginCoins: ["USDT"] },
            ...{ priceEndStep: "1", volumePlace: "3", pricePlace: "1", sizeMultiplier: "0.001" },
            ...{ symbolType: "perpetual", symbolStatus: "normal", deliveryTime: "" },
          },
        ],
      },
      contracts: { code: "00000", data: [] },
    },
    streams: {
      trade: "/v2/ws/public USDT-FUTURES trade BTCUSDT",
      quote: "/v2/ws/public USDT-FUTURES ticker BTCUSDT",
      ticker: "/v2/ws/public USDT-FUTURES ticker BTCUSDT",
      depth: "/v2/ws/public USDT-FUTURES books BTCUSDT",
    },
  },
  {
    ...gate,
    symbol: "BTC/USDT",
    options: spot,
    rest: {
      "margin/currency_pairs": [],
      "spot/currency_pairs": [
        {
          ...{ id: "BTC_USDT", base: "BTC", quote: "USDT", fee: "0.2", trade_status: "tradable" },
          ...{ amount_precision: 6, precision: 1, type: "normal" },
        },
      ],
    },
    streams: {
      trade: "/ws/v4/ spot.trades BTC_USDT",
      quote: "/ws/v4/ spot.book_ticker BTC_USDT",
      ticker: "/ws/v4/ spot.tickers BTC_USDT",
      depth: "/ws/v4/ spot.obu ob.BTC_USDT.50",
    },
  },
  {
    ...kucoin,
    symbol: "BTC/USDT",
    options: { fetchMarkets: { types: ["spot"], fetchTickersFees: false } },
    rest: {
      symbols: {
        code: "200000",
        data: [
          {
            ...{ symbol: "BTC-USDT", name: "BTC-USDT", baseCurrency: "BTC", quoteCurrency: "USDT" },
            ...{ baseIncrement: "0.00000001", priceIncrement: "0.1", enableTrading: true },
          },
        ],
      },
      "bullet-public": {
        code: "200000",
        data: {
          instanceServers: [{ pingInterval: 18_000, endpoint: "WS/", protocol: "websocket", pingTimeout: 10_000 }],
          token: "t",
        },
      },
    },
    streams: {
      trade: "/ /market/match:BTC-USDT",
      quote: "/ /spotMarket/level1:BTC-USDT",
      ticker: "/ /market/snapshot:BTC-USDT",
      depth: "/ /market/level2:BTC-USDT",
    },
  },
  {
    id: "mexc",
    symbol: "BTC/USDT",
    rest: {
      exchangeInfo: {
        symbols: [
          {
            ...{ symbol: "BTCUSDT", status: "1", baseAsset: "BTC", quoteAsset: "USDT", isSpotTradingAllowed: true },
            ...{ baseAssetPrecision: 8, quoteAssetPrecision: 2, baseSizePrecision: "0.000001" },
          },
        ],
      },
      "contract/detail": { success: true, code: 0, data: [] },
    },
    names: ({ method, params }) => (method === "SUBSCRIPTION" ? params : []),
    acknowledge: ({ id, params }) => ({ id: id ?? 0, code: 0, msg: params?.[0] ?? "PONG" }),
    streams: {
      trade: "/ws spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT",
      quote: "/ws spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT",
      ticker: "/ws spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT",
      depth: "/ws spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT",
    },
  },
  {
    ...htx,
    symbol: "BTC/USDT",
    options: { fetchMarkets: { types: { spot: true, linear: false, inverse: false } } },
    rest: {
      "common/symbols": {
        status: "ok",
        data: [
          {
            ...{ "base-currency": "btc", "quote-currency": "usdt", symbol: "btcusdt", state: "online" },
            ...{ "price-precision": 2, "amount-precision": 6, "value-precision": 8, "api-trading": "enabled" },
          },
        ],
      },
    },
    streams: {
      trade: "/ws market.btcusdt.trade.detail",
      ticker: "/ws market.btcusdt.detail",
      depth: "/feed market.btcusdt.mbp.150",
    },
  },
  {
    id: "cryptocom",
    symbol: "BTC/USDT",
    rest: {
      "get-instruments": {
        ...{ id: 1, method: "public/get-instruments", code: 0 },
        result: {
          data: [
            {
              ...{ symbol: "BTC_USDT", inst_type: "CCY_PAIR", base_ccy: "BTC", quote_ccy: "USDT", tradable: true },
              ...{ quote_decimals: 2, quantity_decimals: 5, price_tick_size: "0.01", qty_tick_size: "0.00001" },
            },
          ],
        },
      },
    },
    names: ({ method, params }) => (method === "subscribe" ? params.channels : []),
    acknowledge: ({ id, method }) => ({ id, method, code: 0 }),
    streams: {
      trade: "/exchange/v1/market trade.BTC_USDT",
      quote: "/exchange/v1/market ticker.BTC_USDT",
      ticker: "/exchange/v1/market ticker.BTC_USDT",
      depth: "/exchange/v1/market book.BTC_USDT.50",
    },
  },
  {
    id: "hyperliquid",
    symbol: "BTC/USDC:USDC",
    options: swap,
    rest: {
      metaAndAssetCtxs: [
        { universe: [{ maxLeverage: 50, name: "BTC", onlyIsolated: false, szDecimals: 5 }] },
        [{ dayNtlVlm: "1", funding: "0", markPx: "60000.0", midPx: "60000.5", oraclePx: "60000.0", prevDayPx: "1.0" }],
      ],
    },
    names: ({ method, subscription: { type, ...rest } = {} as Message }) =>
      method === "subscribe" ? [parts(type, ...Object.entries(rest).map(([key, value]) => `${key}=${value}`))] : [],
    acknowledge: (sent) =>
      sent.method === "ping" ? { channel: "pong" } : { channel: "subscriptionResponse", data: sent },
    streams: {
      trade: "/ws trades coin=BTC",
      ticker: "/ws activeAssetCtx coin=BTC",
      depth: "/ws l2Book coin=BTC fast=true",
    },
  },
  {
    id: "deribit",
    symbol: "BTC/USD:BTC",
    rest: {
      get_instruments: {
        jsonrpc: "2.0",
        result: [
          {
            ...{ tick_size: 0.5, settlement_period: "perpetual", settlement_currency: "BTC", quote_currency: "USD" },
            ...{ min_trade_amount: 10, kind: "future", is_active: true, instrument_name: "BTC-PERPETUAL" },
            ...{ future_type: "reversed", expiration_timestamp: 32503708800000, contract_size: 10 },
            ...{ counter_currency: "USD", base_currency: "BTC", creation_timestamp: 1534242287000 },
            ...{ maker_commission: 0, taker_commission: 0.0005 },
          },
        ],
      },
    },
    names: ({ method, params }) => (method === "public/subscribe" ? params.channels : []),
    acknowledge: ({ id, params }) => ({ jsonrpc: "2.0", id, result: params?.channels ?? "ok" }),
    streams: {
      trade: "/ws/api/v2 trades.BTC-PERPETUAL.100ms",
      quote: "/ws/api/v2 quote.BTC-PERPETUAL",
      ticker: "/ws/api/v2 ticker.BTC-PERPETUAL.100ms",
      depth: "/ws/api/v2 book.BTC-PERPETUAL.100ms",
    },
  },
];
