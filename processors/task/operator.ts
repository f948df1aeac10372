import type { DepthTick, TickerTick } from "../../schemas/ticks.js";
import type { Units } from "../../schemas/units.js";
import type { Micros, SymbolName, VenueId } from "../../schemas/words.js";
import type { CleanOracle } from "../cleaning/oracle-price.js";
import type { Outbox } from "../outbox.js";
import type { ProcessSettings } from "../settings.js";
import type { FeedHealth, Market, Markets, SymbolGroup } from "./market.js";
import type { Timers } from "./timers.js";

/** Plain data that JSON carries. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Writes what changed since the last checkpoint; null takes a key away. */
export type SaveState = (key: string, value: Json) => void;

/**
 * A step of processing: a pure fold over clean ticks and log time. It never asks the wall clock, holds its state as
 * plain data, and writes outputs to the context's outbox. Methods that an operator lacks are not called.
 *
 * The objects it is handed are reused for the next tick: nothing of them is kept.
 */
export interface Operator {
  readonly name: string;
  onTrade?(trade: CleanTrade): void;
  /** A trade that was shown before is taken back; `idText` is its id. */
  onRetraction?(trade: CleanTrade): void;
  onQuote?(quote: CleanQuote): void;
  onTicker?(market: Market, tick: TickerTick): void;
  onDepth?(market: Market, depth: CleanDepth): void;
  onOracle?(price: CleanOracle): void;
  /** The task has seen its first time. */
  onTime?(now: Micros): void;
  /** The market's or its group's scales grew: bring what is held to the new ones. */
  onScale?(market: Market): void;
  /** A venue's connections went down or came back. */
  onFeed?(exchange: VenueId, feed: FeedHealth): void;
  save(write: SaveState): void;
  load(key: string, value: Json): void;
}

/** What a task gives its operators. */
export interface TaskContext {
  /** The task's name, e.g. `market.raw/3`. */
  readonly task: string;
  readonly partition: number;
  /** The partition that a symbol's ticks lie in. */
  partitionOf(symbol: SymbolName): number;
  readonly settings: ProcessSettings;
  readonly clock: LogClock;
  readonly timers: Timers;
  readonly markets: Markets;
  readonly outbox: Outbox;
  /** The place of an operator among them: timers due at one instant fire in this order. */
  readonly order: number;
  feed(exchange: VenueId): FeedHealth | undefined;
  /** Counts a refusal of the current tick and sends it to the dead letters. */
  refuse(exchange: VenueId, symbol: string, reason: string, detail: string): void;
}

/** Log time: the highest receive time seen so far, or the due time of the timer that fires. */
export interface LogClock {
  now: Micros;
  /** When the tick that was taken last was received: behind `now` where another feed's was received later. */
  received: Micros;
}

export interface CleanTrade {
  market: Market;
  price: Units;
  /** Base currency at the market's quantity scale; contracts where inverse. */
  qty: Units;
  /** The taker buys. */
  buy: boolean;
  exchangeTime: Micros;
  receiveTime: Micros;
  /** The venue's id as ASCII: bytes[idStart, idEnd). */
  idBytes: Uint8Array;
  idStart: number;
  idEnd: number;
  /** The id as a number where it is one, else -1: orders trades of one exchange time. */
  idNumber: number;
  /** Of a market whose trades may be taken back: the id as text; of a retraction that of the trade it takes back. */
  idText: string;
  /** Of a retraction, in `idBytes`: the id that it takes back, as it came; else -1. */
  retractsStart: number;
  retractsEnd: number;
  /** What is odd with it: bits, as in cleaning/trade-flags.ts. */
  flags: number;
  /** Of a trade that sums several fills, the ids of the first and the last; else both -1. */
  firstId: number;
  lastId: number;
}

export interface CleanQuote {
  market: Market;
  /** A side that is empty has quantity and price 0. */
  bidPrice: Units;
  bidQty: Units;
  askPrice: Units;
  askQty: Units;
  exchangeTime: Micros;
  /** What is odd with it: OFF_TICK, PRICE_BAND (aggregates and indices leave it out). */
  marks: number;
}

/** A depth event with its levels as units: [price, qty] pairs laid flat, bids then asks. */
export interface CleanDepth {
  readonly tick: Pick<
    DepthTick,
    "action" | "firstUpdateId" | "updateId" | "previousUpdateId" | "part" | "parts" | "reason" | "exchangeTime"
  >;
  readonly prices: readonly Units[];
  readonly quantities: readonly Units[];
  readonly bidCount: number;
  readonly count: number;
}

export type { Market, SymbolGroup };
