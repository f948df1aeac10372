import { codeOf, marketSymbol } from "../../../schemas/names.js";
import type { ContractType, InstrumentTick } from "../../../schemas/ticks.js";
import { decimalsOf, formatUnits, multiplyUnits, parseUnits } from "../../../schemas/units.js";
import type { Micros } from "../../../schemas/words.js";
import { readEach } from "../../instrument-list.js";
import { textOf, unreadable } from "./payload.js";

interface OkxInstrument {
  readonly instId?: unknown;
  readonly instType?: unknown;
  readonly baseCcy?: unknown;
  readonly quoteCcy?: unknown;
  readonly settleCcy?: unknown;
  readonly instFamily?: unknown;
  readonly uly?: unknown;
  readonly ctType?: unknown;
  readonly ctVal?: unknown;
  readonly ctMult?: unknown;
  readonly tickSz?: unknown;
  readonly lotSz?: unknown;
  readonly state?: unknown;
}

/**
 * `/api/v5/public/instruments` as instruments: spot pairs, perpetual swaps and dated futures. Options are left out.
 * https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments
 */
export function readInstruments(list: readonly unknown[], now: Micros): InstrumentTick[] {
  return readEach(list, (entry) => readInstrument(entry as OkxInstrument, now));
}

function readInstrument(info: OkxInstrument, now: Micros): InstrumentTick | undefined {
  const nativeId = textOf(info?.instId);
  if (nativeId === undefined) throw unreadable("an instrument without instId");
  if (info.instType !== "SPOT" && info.instType !== "SWAP" && info.instType !== "FUTURES") return undefined;
  const tickSize = textOf(info.tickSz);
  const lotSize = textOf(info.lotSz);
  // Before its listing a market may have no sizes yet: nothing to govern.
  if (tickSize === undefined || lotSize === undefined) return undefined;
  const names = namesOf(info, nativeId);
  if (names === undefined) return undefined;
  return {
    kind: "instrument",
    exchange: "okx",
    ...names,
    exchangeTime: now,
    receiveTime: now,
    nativeId,
    status: info.state === "live" ? "trading" : info.state === "expired" ? "delisted" : "halted",
    tickSize,
    lotSize,
    contractSize: contractSizeOf(info),
  };
}

/** Unified as ccxt spells it: BTC/USDT, BTC/USDT:USDT, BTC/USD:BTC, and with the day BTC/USD:BTC-220527. */
function namesOf(
  info: OkxInstrument,
  nativeId: string,
): { symbol: string; base: string; quote: string; contractType: ContractType } | undefined {
  if (info.instType === "SPOT") {
    const base = textOf(info.baseCcy);
    const quote = textOf(info.quoteCcy);
    if (base === undefined || quote === undefined) throw unreadable(`${nativeId} without its currencies`);
    return { symbol: marketSymbol(base, quote), base: codeOf(base), quote: codeOf(quote), contractType: "spot" };
  }
  const [base, quote] = (textOf(info.uly) ?? textOf(info.instFamily) ?? nativeId).split("-");
  const settle = textOf(info.settleCcy);
  if (!base || !quote || settle === undefined) return undefined;
  const delivery = info.instType === "FUTURES" ? /-(\d{6})$/.exec(nativeId)?.[1] : undefined;
  const symbol = marketSymbol(base, quote, settle, delivery);
  const contractType = info.ctType === "inverse" ? "inverse" : "linear";
  return { symbol, base: codeOf(base), quote: codeOf(quote), contractType };
}

/** Base currency (linear) or quote currency (inverse) in a contract: its value times its multiplier. */
function contractSizeOf(info: OkxInstrument): string {
  if (info.instType === "SPOT") return "1";
  const value = textOf(info.ctVal);
  const multiplier = textOf(info.ctMult) ?? "1";
  if (value === undefined) throw unreadable("a contract without its value, ctVal");
  if (multiplier === "1") return value;
  const scales = [decimalsOf(value), decimalsOf(multiplier)] as const;
  const product = multiplyUnits(parseUnits(value, scales[0]), parseUnits(multiplier, scales[1]));
  return formatUnits(product, scales[0] + scales[1]);
}
