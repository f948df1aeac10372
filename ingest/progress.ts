import type { TradeTick } from "../schemas/ticks.js";

/** Is told which trades go into the log and which of them it has acknowledged. */
export interface TradeWitness {
  /** A trade goes into a batch. @returns what stands for it until it is acknowledged, a line */
  line(trade: TradeTick): string;
  /** The lines of batches that were acknowledged, in order. */
  write(lines: string): void;
}

interface MarketProgress {
  last: number;
  /** Back-filled trades that are on their way: lower ids than what is acknowledged already. */
  readonly pending: Set<number>;
}

/** Up to which trade each market is in the log without a hole of ours, for whoever goes on from there. */
export class TradeProgress implements TradeWitness {
  private readonly markets = new Map<string, MarketProgress>();

  line(trade: TradeTick): string {
    const { exchange, symbol, tradeId, backfilled } = trade;
    if (backfilled) this.of(exchange, symbol).pending.add(Number(tradeId));
    return `${exchange}\t${symbol}\t${tradeId}\n`;
  }

  write(lines: string): void {
    for (const line of lines.split("\n")) {
      if (line === "") continue;
      const [exchange, symbol, tradeId] = line.split("\t") as [string, string, string];
      const id = Number(tradeId);
      if (!Number.isSafeInteger(id)) continue;
      const market = this.of(exchange, symbol);
      market.pending.delete(id);
      if (id > market.last) market.last = id;
    }
  }

  /** @param firstMissing the first id that is known to be missing, where one is */
  text(exchange: string, symbol: string, firstMissing?: number): string {
    const market = this.markets.get(`${exchange}\t${symbol}`);
    if (market === undefined || market.last < 0) return "";
    const first = Math.min(firstMissing ?? Number.POSITIVE_INFINITY, ...market.pending);
    return String(Math.max(-1, Math.min(market.last, first - 1)));
  }

  private of(exchange: string, symbol: string): MarketProgress {
    const name = `${exchange}\t${symbol}`;
    let market = this.markets.get(name);
    if (market === undefined) {
      market = { last: -1, pending: new Set() };
      this.markets.set(name, market);
    }
    return market;
  }
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
