import { binanceDialect } from "./binance/dialect.js";
import type { Dialect } from "./dialect.js";
import { krakenDialect } from "./kraken/dialect.js";
import { okxDialect } from "./okx/dialect.js";

export const dialectNames = ["spot", "usdm", "okx", "kraken"] as const;
export type DialectName = (typeof dialectNames)[number];

/** The registry of dialects: `spot` and `usdm` are Binance's. */
export const dialects: Readonly<Record<DialectName, Dialect>> = {
  spot: binanceDialect("spot"),
  usdm: binanceDialect("usdm"),
  okx: okxDialect,
  kraken: krakenDialect,
};
