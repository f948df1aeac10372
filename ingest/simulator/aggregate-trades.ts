import type { SimulatedTrade } from "./candles.js";

/** Trades of one taker order at one price, as one. */
export interface AggregateTrade {
  readonly id: number;
  readonly firstId: number;
  readonly lastId: number;
  readonly price: number;
  readonly qty: number;
  readonly time: number;
  readonly buyerIsMaker: boolean;
}

export function aggregateTrades(trades: readonly SimulatedTrade[]): AggregateTrade[] {
  const aggregates: AggregateTrade[] = [];
  for (const trade of trades) {
    const last = aggregates[aggregates.length - 1];
    if (last?.id === trade.aggregateId) {
      aggregates[aggregates.length - 1] = { ...last, lastId: trade.id, qty: last.qty + trade.qty };
      continue;
    }
    const { aggregateId: id, id: tradeId, price, qty, time, buyerIsMaker } = trade;
    aggregates.push({ id, firstId: tradeId, lastId: tradeId, price, qty, time, buyerIsMaker });
  }
  return aggregates;
}
