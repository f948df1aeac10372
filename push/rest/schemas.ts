/** JSON schemas of what REST takes and answers: they check the parameters and are the source of /openapi.json. */

import { isVenue, LONGEST_NAME, LONGEST_VENUE, nameFault } from "../../schemas/names.js";
import { timeForms } from "../../schemas/time-text.js";
import { AGGREGATE } from "../../schemas/words.js";
import { badParameter } from "./errors.js";

const mostSymbols = 100;

export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

const text = { type: "string" };
const decimal = { type: "string", description: "Exact decimal", examples: ["61837.63"] };
const maybeDecimal = { type: ["string", "null"], description: "Exact decimal, null where not known" };
const whole = { type: "integer" };
const flag = { type: "boolean" };
const micros = { type: "integer", description: "µs since the epoch, UTC" };
const levels = {
  type: "array",
  description: "[price, qty], best first",
  items: { type: "array", items: decimal, minItems: 2, maxItems: 2 },
};
const listOf = (items: JsonSchema): JsonSchema => ({ type: "array", items });

/** What every message of the plant has; not required, since one that lies on the bus since an older version lacks it. */
const times = {
  log_time: { ...micros, description: "When it was made, by the log's clock, µs; 0: not known" },
  receive_time: { ...micros, description: "When the newest tick in it was received, µs; 0: not known" },
};
/** Of a trade that sums the fills of one taker at one price; left out of others. */
const fills = {
  first_trade_id: { ...whole, description: "The first fill, of a trade that sums several" },
  last_trade_id: { ...whole, description: "The last fill, of a trade that sums several" },
};
/** Not in what an earlier version has left on the bus. */
const flags = {
  flags: { ...listOf(text), description: "What is odd with it: off_tick, off_lot, price_band, id_again" },
};
const timed = new Set(["Instrument", "Ticker", "Depth", "Trade", "Kline", "Index", "Feed"]);

function message(id: string, description: string, fields: Record<string, JsonSchema>): JsonSchema {
  const optional = { ...(timed.has(id) && times), ...(id === "Trade" && { ...fills, ...flags }) };
  const properties = { ...fields, ...optional };
  return { $id: id, type: "object", description, properties, required: Object.keys(fields) };
}

const place = { symbol: text, exchange: { type: "string", description: "The venue, or aggregate" } };
const order = { timestamp: micros, epoch: whole, sequence_num: whole };

export const messageSchemas: readonly JsonSchema[] = [
  message("Error", "What went wrong and what to do", {
    code: { type: "string", description: "Stable, documented in docs/rest.md" },
    message: text,
  }),
  message("Instrument", "What governs a venue's values", {
    ...place,
    native_id: text,
    status: text,
    contract_type: text,
    base: text,
    quote: text,
    tick_size: decimal,
    lot_size: decimal,
    contract_size: decimal,
    timestamp: micros,
  }),
  message("Ticker", "Best prices and 24 h statistics", {
    ...place,
    bid_price: maybeDecimal,
    bid_qty: maybeDecimal,
    ask_price: maybeDecimal,
    ask_qty: maybeDecimal,
    last_price: maybeDecimal,
    volume_24h: maybeDecimal,
    quote_volume_24h: maybeDecimal,
    open_24h: maybeDecimal,
    high_24h: maybeDecimal,
    low_24h: maybeDecimal,
    weighted_price: maybeDecimal,
    median_price: maybeDecimal,
    venues: { type: ["array", "null"], items: text },
    ...order,
  }),
  message("Depth", "A full book", {
    ...place,
    bids: levels,
    asks: levels,
    first_update_id: whole,
    update_id: whole,
    is_snapshot: flag,
    status: { type: "string", enum: ["live", "stale"] },
    reason: { type: ["string", "null"] },
    ...order,
    previous_sequence: whole,
  }),
  message("Trade", "A trade; side is the taker's", {
    ...place,
    trade_id: text,
    price: decimal,
    qty: decimal,
    side: { type: "string", enum: ["buy", "sell"] },
    ...order,
    retracts: { type: ["string", "null"] },
  }),
  message("Kline", "A candle", {
    ...place,
    interval: text,
    open_time: micros,
    close_time: micros,
    open: decimal,
    high: decimal,
    low: decimal,
    close: decimal,
    volume: decimal,
    quote_volume: decimal,
    trade_count: whole,
    taker_buy_volume: decimal,
    taker_buy_quote_volume: decimal,
    is_closed: flag,
    revision: whole,
    flags: listOf(text),
    ...order,
  }),
  message("Index", "A composite price with its constituents", {
    name: text,
    value: maybeDecimal,
    status: text,
    ...order,
    constituents: listOf({
      type: "object",
      properties: { ...place, price: maybeDecimal, weight: decimal, included: flag, reason: text },
    }),
  }),
  message("Feed", "The state of a venue's connections", {
    exchange: text,
    feeds: listOf({ type: "object", properties: { feed: text, connected: flag, since: micros } }),
    ill: listOf({
      type: "object",
      properties: { feed: text, symbol: text, kind: text, how: text, since: micros },
    }),
    timestamp: micros,
  }),
  message("Readiness", "Whether the plant serves, and if not, why", {
    ready: flag,
    live: flag,
    reasons: listOf(text),
    conditions: listOf({
      type: "object",
      properties: { name: text, subject: text, reason: text, severity: text, since: micros },
    }),
  }),
  message("Info", "Where to find the rest of the public API", {
    name: text,
    version: text,
    web_socket: { type: "object", properties: { port: whole, path: text } },
    intervals: { ...listOf(text), description: "Intervals that have K-line channels now" },
    time: micros,
  }),
];

export const ref = (id: string): JsonSchema => ({ $ref: `${id}#` });
export const refs = (id: string): JsonSchema => listOf(ref(id));

const errorAnswers = (statuses: readonly number[]): Record<string, JsonSchema> =>
  Object.fromEntries(statuses.map((status) => [status, { description: "Error", ...ref("Error") }]));

/** A route's schema: what it is for, its parameters, its answer. */
export function route(summary: string, query: JsonSchema, answer: JsonSchema, errors: readonly number[]): JsonSchema {
  return {
    summary,
    querystring: { type: "object", additionalProperties: false, ...query },
    response: { 200: { description: summary, ...answer }, ...errorAnswers(errors) },
  };
}

/** How names are spelled is checked by `checkNames`, which can say what is wrong with one. */
export const symbolParameter = {
  type: "string",
  minLength: 1,
  maxLength: LONGEST_NAME,
  description: "Unified symbol, such as BTC/USDT",
};
export const symbolsParameter = {
  type: "string",
  minLength: 1,
  maxLength: mostSymbols * (LONGEST_NAME + 1),
  description: `Up to ${mostSymbols} symbols, separated by commas`,
};
export const exchangeParameter = {
  type: "string",
  minLength: 1,
  maxLength: LONGEST_VENUE,
  description: "The venue, or aggregate",
};
/** @throws RestError for a symbol, an index or a venue that is no name */
export function checkNames(query: Readonly<Record<string, unknown>>): void {
  for (const parameter of ["symbol", "name"]) checkSymbol(parameter, query[parameter]);
  if (typeof query.symbols === "string") {
    const symbols = query.symbols.split(",");
    if (symbols.length > mostSymbols) throw badParameter("symbols", `at most ${mostSymbols} may be asked for at once`);
    for (const symbol of symbols) checkSymbol("symbols", symbol);
  }
  const { exchange } = query;
  if (typeof exchange === "string" && exchange !== AGGREGATE && !isVenue(exchange)) {
    throw badParameter("exchange", "a venue's name has small letters, digits and . _ -");
  }
}

function checkSymbol(parameter: string, symbol: unknown): void {
  const fault = typeof symbol === "string" ? nameFault(symbol) : undefined;
  if (fault !== undefined) throw badParameter(parameter, `${fault}; in a URL + is %2B, & is %26 and % is %25`);
}

export const timeParameter = (description: string): JsonSchema => ({
  type: "string",
  maxLength: 40,
  description: `${description}: ${timeForms}`,
  examples: ["2026-11-30T10:00:00Z", "1764000000000000", "1764000000s"],
});
export const limitParameter = (usual: number, most: number): JsonSchema => ({
  type: "integer",
  minimum: 1,
  maximum: most,
  default: usual,
});
