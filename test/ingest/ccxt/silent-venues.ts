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
  /** Path and names of each kind that has a stream of its own. */
  readonly streams: Readonly<Partial<Record<FeedKind, readonly [path: string, ...names: string[]]>>>;
}

const spot = { fetchMarkets: { types: ["spot"] } };
const swap = { fetchMarkets: { types: ["swap"] } };
const parts = (...given: unknown[]) => given.filter((one) => one !== undefined).join(" ");

const bybit = {
  id: "bybit",
  names: ({ op, args }: Message) => (op === "subscribe" ? args : []),
  acknowledge: ({ op, req_id }: Message) => ({ success: true, ret_msg: op, conn_id: "c", req_id, op }),
};
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
    streams: {},
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
    streams: {},
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
    streams: {},
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
    streams: {},
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
    streams: {},
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
    streams: {},
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
    streams: {},
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
    streams: {},
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
    streams: {},
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
    streams: {},
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
    acknowledge: (sent) => (sent.method === "ping" ? { channel: "pong" } : { channel: "subscriptionResponse", data: sent }),
    streams: {},
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
    streams: {},
  },
];
