import type { DepthTick, LevelText, RawTick, TickerTick } from "../../../schemas/ticks.js";
import type { DecimalText, Micros } from "../../../schemas/words.js";
import { plainText } from "../../exact-json.js";
import type { InstrumentLookup } from "../../venue.js";
import { instrumentOf, unreadable } from "./payload.js";

/** An entry of `data` of the API before v5; numbers are texts, but in its first months JSON numbers. */
interface Entry {
  readonly instrument_id?: unknown;
  readonly timestamp?: unknown;
  readonly trade_id?: unknown;
  readonly price?: unknown;
  readonly size?: unknown;
  readonly qty?: unknown;
  readonly side?: unknown;
  readonly asks?: unknown;
  readonly bids?: unknown;
  readonly checksum?: unknown;
  readonly last?: unknown;
  readonly best_bid?: unknown;
  readonly best_bid_size?: unknown;
  readonly best_ask?: unknown;
  readonly best_ask_size?: unknown;
  readonly open_24h?: unknown;
  readonly high_24h?: unknown;
  readonly low_24h?: unknown;
  readonly base_volume_24h?: unknown;
  readonly volume_24h?: unknown;
  readonly quote_volume_24h?: unknown;
}

/**
 * A message of the API that v5 replaced in 2021 (`{"table":"spot/trade","data":[…]}`), for recordings: trades, books
 * with their checksum, and best prices from tickers, since no other channel had them.
 *
 * @returns undefined for tables that are not read
 * @throws UnreadableFrame
 */
export function readV3(
  message: { readonly table?: unknown; readonly action?: unknown; readonly data?: unknown },
  receiveTime: Micros,
  instruments: InstrumentLookup,
): RawTick[] | undefined {
  const [market, table] = String(message.table).split("/");
  const read = market === "spot" || market === "swap" || market === "futures" ? readers[table ?? ""] : undefined;
  if (read === undefined) return undefined;
  if (!Array.isArray(message.data)) throw unreadable("a table without data");
  return (message.data as Entry[]).flatMap((entry) => {
    const { symbol } = instrumentOf(entry?.instrument_id, instruments);
    const exchangeTime = Date.parse(String(entry.timestamp)) * 1000;
    if (!Number.isSafeInteger(exchangeTime)) throw unreadable("an entry without its time");
    return read(entry, { exchange: "okx", symbol, exchangeTime, receiveTime }, message.action);
  });
}

type Head = Pick<RawTick, "exchange" | "symbol" | "exchangeTime" | "receiveTime">;
type TableReader = (entry: Entry, head: Head, action: unknown) => RawTick[];

const readers: Readonly<Record<string, TableReader>> = {
  trade: readTrade,
  depth: readDepth,
  depth_l2_tbt: readDepth,
  ticker: readTicker,
};

function readTrade({ trade_id, price, size, qty, side }: Entry, head: Head): RawTick[] {
  if (typeof trade_id !== "string") throw unreadable("a trade without id");
  if (side !== "buy" && side !== "sell") throw unreadable("a trade without side");
  return [{ kind: "trade", ...head, tradeId: trade_id, price: amountOf(price), qty: amountOf(size ?? qty), side }];
}

function readDepth({ asks, bids, checksum }: Entry, head: Head, action: unknown): RawTick[] {
  if (action !== "partial" && action !== "update") throw unreadable("depth that is neither partial nor update");
  const tick: DepthTick = {
    kind: "depth",
    ...head,
    action: action === "partial" ? "snapshot" : "increment",
    firstUpdateId: 0,
    updateId: 0,
    bids: levelsOf(bids),
    asks: levelsOf(asks),
    ...(typeof checksum === "number" && checksum !== 0 && { checksum }),
  };
  return [tick];
}

/** Until 2020 without the quantities of the best prices. */
function readTicker(entry: Entry, head: Head): RawTick[] {
  const known = (value: unknown) => (value === undefined || value === "" ? undefined : amountOf(value));
  const [open24h, high24h, low24h] = [known(entry.open_24h), known(entry.high_24h), known(entry.low_24h)];
  const volume24h = known(entry.base_volume_24h ?? entry.volume_24h);
  const quoteVolume24h = known(entry.quote_volume_24h);
  const ticker: TickerTick = {
    kind: "ticker",
    ...head,
    lastPrice: amountOf(entry.last),
    ...(open24h !== undefined && { open24h }),
    ...(high24h !== undefined && { high24h }),
    ...(low24h !== undefined && { low24h }),
    ...(volume24h !== undefined && { volume24h }),
    ...(quoteVolume24h !== undefined && { quoteVolume24h }),
  };
  const [bidPrice, askPrice] = [known(entry.best_bid) ?? "", known(entry.best_ask) ?? ""];
  if (bidPrice === "" && askPrice === "") return [ticker];
  const [bidQty, askQty] = [known(entry.best_bid_size) ?? "", known(entry.best_ask_size) ?? ""];
  return [{ kind: "quote", ...head, bidPrice, bidQty, askPrice, askQty }, ticker];
}

function levelsOf(levels: unknown): LevelText[] {
  if (!Array.isArray(levels)) throw unreadable("depth without levels");
  return levels.map((level): LevelText => [amountOf(level?.[0]), amountOf(level?.[1])]);
}

/** A text, or a number's shortest text, which is the venue's own up to 15 digits. */
function amountOf(value: unknown): DecimalText {
  if (typeof value === "string" && /^\d/.test(value)) return plainText(value);
  const text = typeof value === "number" && value >= 0 ? String(value) : "";
  if (text === "" || text.replace(/\D/g, "").length > 15) throw unreadable("a price or quantity that is no number");
  return plainText(text);
}
