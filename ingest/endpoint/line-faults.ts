import { nameFault } from "../../schemas/names.js";
import type { RawTick } from "../../schemas/ticks.js";
import { compareUnits, decimalsOf, parseUnits } from "../../schemas/units.js";
import type { DecimalText, Micros } from "../../schemas/words.js";

/** Why a line is refused: a stable word, the same that cleaning has for it, and what a person wants to know beside it. */
export interface Fault {
  readonly reason: string;
  readonly detail: string;
}

export interface TimeLimits {
  /** How far an exchange time may lie ahead. */
  readonly futureToleranceMs: number;
  /** How far the exchange time of a trade may lie behind, unless it is said to be back-filled. */
  readonly tooOldMs: number;
  /** How far it may lie behind at all: of a back-filled trade, and of whatever else says when it was. */
  readonly backfillMs: number;
}

/** A trade, a round, what a venue calls a market itself: what its sender can write anywhere and find again. */
const ID = /^[!-~]{1,64}$/;
const WORD = /^[a-z0-9_]{1,64}$/;
const STATUSES = new Set(["trading", "halted", "delisted"]);
const CONTRACT_TYPES = new Set(["spot", "linear", "inverse"]);
/** A snapshot comes in so many parts at most. */
const MOST_PARTS = 1_000;
/** What history can hold. */
const MOST_DECIMALS = 18;
const MOST_DIGITS = 38;

/**
 * What is wrong with a tick that can be told from it alone, so that its sender hears of it; the rest is for cleaning.
 *
 * @param tick received at `now`
 */
export function faultOf(tick: RawTick, now: Micros, limits: TimeLimits): Fault | undefined {
  const name = nameFault(tick.symbol);
  if (name !== undefined) return { reason: "bad_name", detail: `symbol: ${name}` };
  const id = idFault(tick);
  if (id !== undefined) return id;
  const ahead = (tick.exchangeTime - now) / 1000 - limits.futureToleranceMs;
  if (ahead > 0) return { reason: "from_the_future", detail: `exchange_time: ${ahead} ms beyond the tolerance` };
  const isLive = tick.kind === "trade" && tick.backfilled !== true;
  const behind = (now - tick.exchangeTime) / 1000 - (isLive ? limits.tooOldMs : limits.backfillMs);
  if (behind > 0) return { reason: "too_old", detail: `exchange_time: ${behind} ms beyond the limit` };
  return valueFault(tick);
}

/** Of texts and numbers that tell one thing from another: a bound, and a form that every reader can write. */
function idFault(tick: RawTick): Fault | undefined {
  switch (tick.kind) {
    case "trade":
      return (
        formFault("trade_id", tick.tradeId || undefined, ID) ??
        formFault("retracts", tick.retracts, ID) ??
        numberFault("first_trade_id", tick.firstTradeId) ??
        numberFault("last_trade_id", tick.lastTradeId)
      );
    case "quote":
      return numberFault("update_id", tick.updateId);
    case "depth":
      return (
        numberFault("first_update_id", tick.firstUpdateId) ??
        numberFault("update_id", tick.updateId) ??
        numberFault("previous_update_id", tick.previousUpdateId) ??
        (tick.parts !== undefined && tick.parts > MOST_PARTS
          ? { reason: "malformed", detail: `parts: at most ${MOST_PARTS}` }
          : formFault("reason", tick.reason, WORD))
      );
    case "oracle":
      return formFault("round_id", tick.roundId, ID);
    case "instrument":
      return instrumentFault(tick);
    default:
      return undefined;
  }
}

function instrumentFault(tick: RawTick & { kind: "instrument" }): Fault | undefined {
  for (const [field, text] of Object.entries({ base: tick.base, quote: tick.quote })) {
    const fault = text === "" ? undefined : nameFault(text);
    if (fault !== undefined) return { reason: "bad_name", detail: `${field}: ${fault}` };
  }
  if (!STATUSES.has(tick.status)) return { reason: "malformed", detail: "status: trading, halted or delisted" };
  if (!CONTRACT_TYPES.has(tick.contractType)) {
    return { reason: "malformed", detail: "contract_type: spot, linear or inverse" };
  }
  // what governs a market without one is called as the market is
  const id = tick.nativeId === tick.symbol ? undefined : formFault("native_id", tick.nativeId, ID);
  return id ?? formFault("chain", tick.chain, ID);
}

function formFault(field: string, text: string | undefined, form: RegExp): Fault | undefined {
  if (text === undefined || form.test(text)) return undefined;
  const said =
    form === ID ? "1 to 64 letters, digits and signs of ASCII, no space" : "1 to 64 small letters, digits and _";
  return { reason: "bad_id", detail: `${field}: ${said}` };
}

function numberFault(field: string, id: number | undefined): Fault | undefined {
  return id === undefined || id >= 0 ? undefined : { reason: "bad_id", detail: `${field}: below 0` };
}

function valueFault(tick: RawTick): Fault | undefined {
  switch (tick.kind) {
    case "trade":
      return positive("price", tick.price) ?? positive("qty", tick.qty);
    case "quote":
      return quoteFault(tick);
    case "ticker":
      return positive("last_price", tick.lastPrice) ?? tickerFault(tick);
    case "depth":
      return levelsFault("bids", tick.bids) ?? levelsFault("asks", tick.asks);
    case "oracle":
      return (
        positive("price", tick.price) ??
        (tick.confidence === undefined ? undefined : notNegative("confidence", tick.confidence))
      );
    case "instrument":
      return (
        positive("tick_size", tick.tickSize) ??
        positive("lot_size", tick.lotSize) ??
        positive("contract_size", tick.contractSize)
      );
    default:
      return undefined;
  }
}

function quoteFault(tick: RawTick & { kind: "quote" }): Fault | undefined {
  const { bidPrice, bidQty, askPrice, askQty } = tick;
  const given = (name: string, text: DecimalText) => (text === "" ? undefined : notNegative(name, text));
  const fault =
    (bidPrice === "" ? undefined : positive("bid_price", bidPrice)) ??
    (askPrice === "" ? undefined : positive("ask_price", askPrice)) ??
    given("bid_qty", bidQty) ??
    given("ask_qty", askQty);
  if (fault !== undefined || bidPrice === "" || askPrice === "") return fault;
  const scale = Math.max(decimalsOf(bidPrice), decimalsOf(askPrice));
  const crossed = compareUnits(parseUnits(bidPrice, scale), parseUnits(askPrice, scale)) >= 0;
  return crossed ? { reason: "crossed", detail: "bid_price at or above ask_price" } : undefined;
}

function tickerFault(tick: RawTick & { kind: "ticker" }): Fault | undefined {
  const { open24h, high24h, low24h, volume24h, quoteVolume24h } = tick;
  for (const [name, text] of Object.entries({ open24h, high24h, low24h, volume24h, quoteVolume24h })) {
    const fault = text === undefined ? undefined : notNegative(name.replace("24h", "_24h"), text);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function levelsFault(side: string, levels: readonly (readonly [DecimalText, DecimalText])[]): Fault | undefined {
  for (const [price, qty] of levels) {
    const fault = positive(`${side}: price`, price) ?? notNegative(`${side}: qty`, qty);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const positive = (name: string, text: DecimalText): Fault | undefined => decimalFault(name, text, true);
const notNegative = (name: string, text: DecimalText): Fault | undefined => decimalFault(name, text, false);

function decimalFault(name: string, text: DecimalText, isPositive: boolean): Fault | undefined {
  let decimals: number;
  try {
    decimals = decimalsOf(text);
  } catch {
    return { reason: "malformed", detail: `${name}: ${JSON.stringify(text.slice(0, 40))} is no decimal` };
  }
  if (decimals > MOST_DECIMALS) {
    return { reason: "out_of_range", detail: `${name}: more than ${MOST_DECIMALS} decimals` };
  }
  const units = parseUnits(text, decimals);
  if (String(units).length > MOST_DIGITS) {
    return { reason: "out_of_range", detail: `${name}: more than ${MOST_DIGITS} digits` };
  }
  const sign = compareUnits(units, 0);
  if (sign < 0 || (isPositive && sign === 0)) return { reason: "not_positive", detail: name };
  return undefined;
}
