import { crc32 } from "node:zlib";
import type { AggregateTrade } from "../aggregate-trades.js";
import type { SimulatedTrade } from "../candles.js";
import { dayStatistics } from "../day-statistics.js";
import type { DepthUpdate, IntegerLevel } from "../depth-changes.js";
import { amountText, priceText, qtyText, type SimulatedInstrument } from "../instruments.js";
import type { Market, Quote } from "../market.js";

/** Messages as OKX's public channels send them (docs-v5, "Order Book Trading / Market Data"). */

type Entry = Readonly<Record<string, unknown>>;

export function channelMessage(channel: string, instId: string, entry: Entry, action?: string): string {
  const head = { arg: { channel, instId }, ...(action !== undefined && { action }) };
  return JSON.stringify({ ...head, data: [entry] });
}

export function tradeEntry(of: SimulatedInstrument, trade: SimulatedTrade): Entry {
  return entryOf(of, trade.id, trade.price, trade.qty, trade.buyerIsMaker, trade.time);
}

export function aggregateEntry(of: SimulatedInstrument, trade: AggregateTrade): Entry {
  const { lastId, firstId, price, qty, buyerIsMaker, time } = trade;
  return { ...entryOf(of, lastId, price, qty, buyerIsMaker, time), count: String(lastId - firstId + 1) };
}

function entryOf(of: SimulatedInstrument, id: number, price: number, qty: number, makerBuys: boolean, time: number) {
  return {
    instId: of.id,
    tradeId: String(id),
    px: priceText(of, price),
    sz: qtyText(of, qty),
    side: makerBuys ? "sell" : "buy",
    ts: String(time),
  };
}

export function bestEntry(of: SimulatedInstrument, quote: Quote, time: number): Entry {
  const side = (price: number, qty: number) => (price === 0 ? [] : levels(of, [[price, qty]]));
  return {
    asks: side(quote.ask, quote.askQty),
    bids: side(quote.bid, quote.bidQty),
    ts: String(time),
    seqId: quote.updateId,
  };
}

export function tickerEntry(market: Market): Entry {
  const of = market.instrument;
  const { bid, bidQty, ask, askQty } = market.quote;
  const day = dayStatistics(market);
  const price = (ticks: number) => priceText(of, ticks);
  const last = day?.last ?? bid;
  return {
    instType: "SPOT",
    instId: of.id,
    last: price(last),
    lastSz: qtyText(of, day?.lastQty ?? 0),
    askPx: price(ask),
    askSz: qtyText(of, askQty),
    bidPx: price(bid),
    bidSz: qtyText(of, bidQty),
    open24h: price(day?.open ?? last),
    high24h: price(day?.high ?? last),
    low24h: price(day?.low ?? last),
    volCcy24h: amountText(of, day?.amount ?? 0n),
    vol24h: qtyText(of, day?.volume ?? 0n),
    ts: String(market.time),
  };
}

export function snapshotEntry(market: Market): Entry {
  const of = market.instrument;
  return {
    asks: levels(of, market.levels("sell")),
    bids: levels(of, market.levels("buy")),
    ts: String(market.time),
    checksum: checksumOf(market),
    seqId: market.updateId,
    prevSeqId: -1,
  };
}

export function updateEntry(market: Market, update: DepthUpdate): Entry {
  const of = market.instrument;
  return {
    asks: levels(of, update.asks),
    bids: levels(of, update.bids),
    ts: String(update.time),
    checksum: checksumOf(market),
    seqId: update.lastId,
    prevSeqId: update.previousId,
  };
}

function levels(of: SimulatedInstrument, found: readonly IntegerLevel[]): string[][] {
  return found.map(([price, qty]) => [priceText(of, price), qtyText(of, qty), "0", qty === 0 ? "0" : "1"]);
}

/** Of the best 25 levels, sides in turn, as a signed integer. */
function checksumOf(market: Market): number {
  const of = market.instrument;
  const [bids, asks] = [market.levels("buy", 25), market.levels("sell", 25)];
  const parts: string[] = [];
  for (let i = 0; i < 25; i++) {
    for (const level of [bids[i], asks[i]]) {
      if (level !== undefined) parts.push(priceText(of, level[0]), qtyText(of, level[1]));
    }
  }
  return crc32(parts.join(":")) | 0;
}
