import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import type { TradeTick } from "../schemas/ticks.js";
import type { TradeWitness } from "./progress.js";

/**
 * Trades that the log has acknowledged, a line each, on the disk before anything else happens: what a test of loss holds
 * the history against. It costs a flush of the disk for every acknowledgement.
 */
export class AcknowledgedJournal implements TradeWitness {
  private readonly file: number;

  constructor(path: string) {
    this.file = openSync(path, "a");
  }

  line({ exchange, symbol, tradeId }: TradeTick): string {
    return `${exchange}\t${symbol}\t${tradeId}\n`;
  }

  write(lines: string): void {
    if (lines === "") return;
    writeSync(this.file, lines);
    fsyncSync(this.file);
  }

  close(): void {
    closeSync(this.file);
  }
}
