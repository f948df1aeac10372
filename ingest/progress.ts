import type { TradeTick } from "../schemas/ticks.js";
import type { KnownTrade, MissingIds } from "./trade-ids.js";

/** Is told which trades go into the log and which of them it has acknowledged. */
export interface TradeWitness {
  /** A trade goes into a batch. @returns what stands for it until it is acknowledged, a line */
  line(trade: TradeTick): string;
  /** The lines of batches that were acknowledged, in order. */
  write(lines: string): void;
}

/** A trade as a line: exchange, symbol, id and exchange time (µs), of a sum of fills also the first and the last. */
export function progressLine({
  exchange,
  symbol,
  tradeId,
  exchangeTime,
  firstTradeId,
  lastTradeId,
}: TradeTick): string {
  const sum = lastTradeId === undefined ? "" : `\t${firstTradeId}\t${lastTradeId}`;
  return `${exchange}\t${symbol}\t${tradeId}\t${exchangeTime}${sum}\n`;
}

interface MarketProgress {
  last: KnownTrade | undefined;
  /** By their first fill, back-filled trades that are on their way: lower ids than what is acknowledged already. */
  readonly pending: Map<number, KnownTrade>;
}

/**
 * Up to which trade each market is in the log without a hole of ours, for whoever goes on from there. Ids are those of
 * fills, also where a venue sums them.
 */
export class TradeProgress implements TradeWitness {
  private readonly markets = new Map<string, MarketProgress>();

  line(trade: TradeTick): string {
    const { exchange, symbol, tradeId, exchangeTime, firstTradeId, backfilled } = trade;
    if (backfilled) {
      const first = firstTradeId ?? Number(tradeId);
      const aggregate = firstTradeId === undefined ? undefined : Number(tradeId) - 1;
      this.of(exchange, symbol).pending.set(first, { id: first - 1, exchangeTime, aggregate });
    }
    return progressLine(trade);
  }

  write(lines: string): void {
    for (const line of lines.split("\n")) {
      if (line === "") continue;
      const [exchange = "", symbol = "", tradeId, time, firstFill, lastFill] = line.split("\t");
      const id = Number(lastFill ?? tradeId);
      if (!Number.isSafeInteger(id)) continue;
      const market = this.of(exchange, symbol);
      market.pending.delete(Number(firstFill ?? tradeId));
      if (id <= (market.last?.id ?? -1)) continue;
      market.last = { id, exchangeTime: Number(time), aggregate: lastFill === undefined ? undefined : Number(tradeId) };
    }
  }

  /** @param missing what is known to be missing of it, if anything */
  text(exchange: string, symbol: string, missing: readonly MissingIds[] = []): string {
    const market = this.markets.get(`${exchange}\t${symbol}`);
    if (market?.last === undefined) return "";
    let known = market.last;
    for (const { first, since, aggregate } of missing) {
      if (first - 1 < known.id) known = { id: first - 1, exchangeTime: since, aggregate };
    }
    for (const before of market.pending.values()) if (before.id < known.id) known = before;
    return textOf(known);
  }

  private of(exchange: string, symbol: string): MarketProgress {
    const name = `${exchange}\t${symbol}`;
    let market = this.markets.get(name);
    if (market === undefined) {
      market = { last: undefined, pending: new Map() };
      this.markets.set(name, market);
    }
    return market;
  }
}

/** `id time`, and of a sum its own number behind it. */
function textOf({ id, exchangeTime, aggregate }: KnownTrade): string {
  return `${id} ${exchangeTime}${aggregate === undefined ? "" : ` ${aggregate}`}`;
}

/** What `TradeProgress.text` says, or an id alone, as earlier versions wrote it; undefined where it is none. */
export function knownTradeOf(text: string): KnownTrade | undefined {
  if (!/^-?\d+(?: \d+){0,2}$/.test(text)) return undefined;
  const [id, exchangeTime = 0, aggregate] = text.split(" ").map(Number);
  if (!Number.isSafeInteger(id)) return undefined;
  return { id: id!, exchangeTime, ...(Number.isSafeInteger(aggregate) && { aggregate }) };
}

/** Tells several. */
export function witnesses(all: readonly TradeWitness[]): TradeWitness | undefined {
  if (all.length < 2) return all[0];
  return {
    line: (trade) => all.map((one) => one.line(trade)).at(-1)!,
    write: (lines) => {
      for (const one of all) one.write(lines);
    },
  };
}
