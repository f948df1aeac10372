import type { SimulatedTrade } from "../candles.js";
import { dayStatistics } from "../day-statistics.js";
import type { IntegerLevel } from "../depth-changes.js";
import { amountText, decimalText, priceText, qtyText, type SimulatedInstrument } from "../instruments.js";
import type { Market } from "../market.js";
import { checksumOf } from "./depth-view.js";

/** Messages as Kraken's WebSocket v2 sends them; prices and quantities are JSON numbers with all their decimals. */

/** RFC 3339 with microseconds. */
export function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString().replace("Z", "000Z");
}

export function tradeMessage(of: SimulatedInstrument, trade: SimulatedTrade): string {
  const side = trade.buyerIsMaker ? "sell" : "buy";
  return `{"channel":"trade","type":"update","data":[{"symbol":"${of.id}","side":"${side}","price":${priceText(of, trade.price)},"qty":${qtyText(of, trade.qty)},"ord_type":"limit","trade_id":${trade.id},"timestamp":"${timeText(trade.time)}"}]}`;
}

export function bookMessage(
  market: Market,
  type: "snapshot" | "update",
  { bids, asks }: { readonly bids: readonly IntegerLevel[]; readonly asks: readonly IntegerLevel[] },
): string {
  const of = market.instrument;
  return `{"channel":"book","type":"${type}","data":[{"symbol":"${of.id}","bids":${levelsText(of, bids)},"asks":${levelsText(of, asks)},"checksum":${checksumOf(market)},"timestamp":"${timeText(market.time)}"}]}`;
}

function levelsText(of: SimulatedInstrument, levels: readonly IntegerLevel[]): string {
  return `[${levels.map(([price, qty]) => `{"price":${priceText(of, price)},"qty":${qtyText(of, qty)}}`).join(",")}]`;
}

export function tickerMessage(market: Market, type: "snapshot" | "update"): string {
  const of = market.instrument;
  const { bid, bidQty, ask, askQty } = market.quote;
  const day = dayStatistics(market);
  const last = day?.last ?? bid;
  const open = day?.open ?? last;
  const price = (ticks: number) => priceText(of, ticks);
  const sign = last < open ? "-" : "";
  const change = sign + price(Math.abs(last - open));
  const percent = open === 0 ? "0.00" : sign + decimalText(Math.round((Math.abs(last - open) / open) * 1e4), 2, 2);
  const average = day === undefined || day.volume === 0n ? price(last) : price(Number(day.amount / day.volume));
  return `{"channel":"ticker","type":"${type}","data":[{"symbol":"${of.id}","bid":${price(bid)},"bid_qty":${qtyText(of, bidQty)},"ask":${price(ask)},"ask_qty":${qtyText(of, askQty)},"last":${price(last)},"volume":${qtyText(of, day?.volume ?? 0n)},"vwap":${average},"low":${price(day?.low ?? last)},"high":${price(day?.high ?? last)},"change":${change},"change_pct":${percent},"volume_usd":${amountText(of, day?.amount ?? 0n)},"timestamp":"${timeText(market.time)}"}]}`;
}
