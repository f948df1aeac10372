import type { Codecs } from "../../schemas/codec.js";
import type { Trade } from "../../schemas/messages.js";
import { FloatCandles } from "./float-candles.js";
import type { InterleavedTrades } from "./interleaved-trades.js";

/** What anybody would write first: avsc decodes, doubles make the candles, avsc and JSON.stringify encode. */
export class BareLoop {
  private readonly candles: FloatCandles;
  private readonly seriesOf = new Map<string, number>();
  private sequence = 0;
  /** The last outputs, so that no work is left out. */
  out: unknown;

  constructor(
    trades: InterleavedTrades,
    private readonly codecs: Codecs,
  ) {
    this.candles = new FloatCandles(trades.markets.length + trades.symbols);
    for (const [which, { exchange, symbol, group }] of trades.markets.entries()) {
      this.seriesOf.set(`${exchange} ${symbol}`, which);
      this.seriesOf.set(symbol, trades.markets.length + group);
    }
  }

  take(value: Uint8Array): void {
    for (const tick of this.codecs["market.raw"].decode(value).ticks) {
      const { exchange, symbol, price, qty, side, exchange_time, trade_id } = tick;
      const buy = side === "buy";
      const [p, q] = [Number(price), Number(qty)];
      this.candles.add(this.seriesOf.get(`${exchange} ${symbol}`)!, p, q, buy, exchange_time);
      this.candles.add(this.seriesOf.get(symbol)!, p, q, buy, exchange_time);
      const trade: Trade = {
        symbol,
        exchange,
        trade_id: trade_id!,
        price: price!,
        qty: qty!,
        side: side!,
        timestamp: exchange_time,
        epoch: 1,
        sequence_num: ++this.sequence,
        retracts: null,
        flags: [],
        log_time: tick.receive_time,
        receive_time: tick.receive_time,
      };
      this.out = [this.codecs["market.trade"].encode(trade), JSON.stringify(trade)];
    }
  }
}
