import { z } from "zod";
import type { VenueId } from "../../../schemas/words.js";
import { VenueSettingsInvalid } from "../../venue.js";

export type BinanceMarket = "spot" | "usdm" | "coinm";

/** Where one of Binance's markets is found, and its limits. Addresses may be set, so a simulator can stand in. */
export interface BinanceSettings {
  readonly id: VenueId;
  readonly market: BinanceMarket;
  /** Base of the streams, without `/stream`; what its query says goes with each connection. */
  readonly wsUrl: string;
  /** Base of the streams of quotes, depth and single trades, where the venue keeps them apart; else as `wsUrl`. */
  readonly wsBookUrl?: string;
  readonly restUrl: string;
  /** Path prefix of REST, e.g. `/api/v3`. */
  readonly api: string;
  /** Which stream gives trades: each fill, or the fills of one taker at one price as one. */
  readonly tradeStream: "trade" | "aggTrade";
  /** Levels a side asked for in a snapshot. */
  readonly snapshotLevels: number;
  /** REST weight a minute. */
  readonly weightLimit: number;
  /** Ids that share a name spend one weight, each address of the user's own its own. */
  readonly weightPool?: string;
  /** Between two frames sent. */
  readonly sendIntervalMs: number;
}

/** What a user may set of a Binance venue. */
const overridesSchema = z.strictObject({
  wsUrl: z.url({ protocol: /^wss?$/ }).optional(),
  wsBookUrl: z.url({ protocol: /^wss?$/ }).optional(),
  restUrl: z.url({ protocol: /^https?$/ }).optional(),
  tradeStream: z.enum(["trade", "aggTrade"]).optional(),
  snapshotLevels: z.int().min(5).max(5000).optional(),
  weightLimit: z.int().min(100).optional(),
});

/**
 * Limits: spot takes 5 messages a second and a weight of 6,000 a minute, futures 10 and 2,400; frames are sent evenly
 * and below that, since a burst counts against the second before it. USD-M and COIN-M share one weight of 2,400 since
 * June 2026 (Binance's notice of the CM-UM integration).
 *
 * USD-M keeps the book's streams (depth, bookTicker) under /public and the others (aggTrade, ticker) under /market since
 * 2026-04-23; under the wrong one a subscription is acknowledged and stays silent. `@trade` is in the documents of neither
 * USD-M nor COIN-M; USD-M brings it under /public. So `aggTrade`, which both document, gives the trades of futures.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Important-WebSocket-Change-Notice
 * https://developers.binance.com/docs/derivatives/coin-margined-futures/websocket-market-streams/Aggregate-Trade-Streams
 */
const binanceDefaults = {
  binance: {
    id: "binance",
    market: "spot",
    wsUrl: "wss://stream.binance.com:9443",
    restUrl: "https://api.binance.com",
    api: "/api/v3",
    tradeStream: "trade",
    snapshotLevels: 1000,
    weightLimit: 6000,
    sendIntervalMs: 300,
  },
  binanceus: {
    id: "binanceus",
    market: "spot",
    wsUrl: "wss://stream.binance.us:9443",
    restUrl: "https://api.binance.us",
    api: "/api/v3",
    tradeStream: "trade",
    snapshotLevels: 1000,
    weightLimit: 1200,
    sendIntervalMs: 300,
  },
  binanceusdm: {
    id: "binanceusdm",
    market: "usdm",
    wsUrl: "wss://fstream.binance.com/market",
    wsBookUrl: "wss://fstream.binance.com/public",
    restUrl: "https://fapi.binance.com",
    api: "/fapi/v1",
    tradeStream: "aggTrade",
    snapshotLevels: 1000,
    weightLimit: 2400,
    weightPool: "binance futures",
    sendIntervalMs: 150,
  },
  binancecoinm: {
    id: "binancecoinm",
    market: "coinm",
    wsUrl: "wss://dstream.binance.com",
    restUrl: "https://dapi.binance.com",
    api: "/dapi/v1",
    tradeStream: "aggTrade",
    snapshotLevels: 1000,
    weightLimit: 2400,
    weightPool: "binance futures",
    sendIntervalMs: 150,
  },
} as const satisfies Record<string, BinanceSettings>;

export type BinanceId = keyof typeof binanceDefaults;

/**
 * The settings in force: a stream address that was set serves the book too, unless that one was set as well.
 *
 * @throws VenueSettingsInvalid
 */
export function binanceSettings(id: BinanceId, given: Readonly<Record<string, unknown>>): BinanceSettings {
  const checked = overridesSchema.safeParse(given);
  if (!checked.success) throw new VenueSettingsInvalid(id, z.prettifyError(checked.error));
  const overrides = checked.data;
  const defaults: BinanceSettings = binanceDefaults[id];
  const book = overrides.wsUrl === undefined ? (overrides.wsBookUrl ?? defaults.wsBookUrl) : overrides.wsBookUrl;
  const { wsBookUrl: _, weightPool, ...rest } = defaults;
  return {
    ...rest,
    wsUrl: overrides.wsUrl ?? defaults.wsUrl,
    restUrl: overrides.restUrl ?? defaults.restUrl,
    tradeStream: overrides.tradeStream ?? defaults.tradeStream,
    snapshotLevels: overrides.snapshotLevels ?? defaults.snapshotLevels,
    weightLimit: overrides.weightLimit ?? defaults.weightLimit,
    ...(book !== undefined && { wsBookUrl: book }),
    ...(weightPool !== undefined && overrides.restUrl === undefined && { weightPool }),
  };
}

/**
 * Weight of a depth snapshot, by levels.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#order-book
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Order-Book
 */
export function snapshotWeight(market: BinanceMarket, levels: number): number {
  if (market === "spot") return levels <= 100 ? 5 : levels <= 500 ? 25 : levels <= 1000 ? 50 : 250;
  return levels <= 50 ? 2 : levels <= 100 ? 5 : levels <= 500 ? 10 : 20;
}
