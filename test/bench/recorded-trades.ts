import type { BinanceId } from "../../ingest/venues/binance/settings.js";
import { binance } from "../../ingest/venues/binance.js";
import { decimalsOf, parseUnits } from "../../schemas/units.js";
import { instrumentOf } from "./instruments.js";
import { recordedFrames } from "./recorded-frames.js";

/** Recorded trades, as text and in units. */
export interface RecordedTrades {
  readonly priceTexts: readonly string[];
  readonly qtyTexts: readonly string[];
  readonly buys: readonly boolean[];
  readonly prices: readonly number[];
  readonly qtys: readonly number[];
  readonly priceScale: number;
  readonly qtyScale: number;
}

/** The trades of one of hftbacktest's recordings. */
export function recordedTrades(name: string, venue: BinanceId = "binanceusdm"): RecordedTrades {
  const instrument = instrumentOf(venue, "BTC/USDT");
  const priceTexts: string[] = [];
  const qtyTexts: string[] = [];
  const buys: boolean[] = [];
  for (const frame of recordedFrames(name, "BTCUSDT")) {
    if (frame.kind !== "trade") continue;
    binance(venue).read(frame, { byNativeId: () => instrument }, (tick) => {
      if (tick.kind !== "trade") return;
      priceTexts.push(tick.price);
      qtyTexts.push(tick.qty);
      buys.push(tick.side === "buy");
    });
  }
  const priceScale = Math.max(...priceTexts.map(decimalsOf));
  const qtyScale = Math.max(...qtyTexts.map(decimalsOf));
  const units = (texts: readonly string[], scale: number) => texts.map((text) => parseUnits(text, scale) as number);
  return {
    priceTexts,
    qtyTexts,
    buys,
    prices: units(priceTexts, priceScale),
    qtys: units(qtyTexts, qtyScale),
    priceScale,
    qtyScale,
  };
}
