import { closeSync, existsSync, fstatSync, fsyncSync, openSync, writeSync } from "node:fs";
import { isNoRoom } from "../infra/disk.js";
import type { TradeTick } from "../schemas/ticks.js";
import { progressLine, type TradeWitness } from "./progress.js";

/**
 * Trades that the log has acknowledged, a line each (exchange, symbol, id), on the disk before anything else happens: what a test of loss holds
 * the history against. It costs a flush of the disk for every acknowledgement.
 */
export class AcknowledgedJournal implements TradeWitness {
  private readonly file: number;
  private size: number;
  /** Lines that found no room yet. */
  private waiting = "";

  constructor(path: string) {
    this.file = openSync(path, existsSync(path) ? "r+" : "w");
    this.size = fstatSync(this.file).size;
  }

  line(trade: TradeTick): string {
    return progressLine(trade);
  }

  write(lines: string): void {
    this.waiting += lines.replace(/^([^\t]*\t[^\t]*\t[^\t\n]*)\t.*$/gm, "$1");
    if (this.waiting === "") return;
    try {
      const bytes = Buffer.from(this.waiting);
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.file, bytes, done, bytes.length - done, this.size + done);
      fsyncSync(this.file);
      this.size += bytes.length;
      this.waiting = "";
    } catch (error) {
      // they are in the log: for want of room they only stand here later
      if (!isNoRoom(error)) throw error;
    }
  }

  close(): void {
    closeSync(this.file);
  }
}
