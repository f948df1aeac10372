import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { LogFull } from "./errors.js";

/**
 * The log's own bound in bytes over its whole folder, whoever wrote them. What this writer adds is counted as it goes;
 * what others add is seen by measuring: before a refusal, and after every sixteenth of the bound.
 */
export class DiskBudget {
  private used = 0;
  private sinceMeasured = 0;

  constructor(
    private readonly folder: string,
    private readonly maxBytes: number | undefined,
  ) {
    this.measure();
  }

  /** @throws LogFull when so many bytes would pass the bound */
  take(bytes: number, place: string): void {
    if (this.maxBytes === undefined) return;
    this.sinceMeasured += bytes;
    if (this.sinceMeasured > this.maxBytes / 16 || this.used + bytes > this.maxBytes) this.measure();
    if (this.used + bytes > this.maxBytes) {
      throw new LogFull(place, `${this.used} bytes of the bound of ${this.maxBytes} are in use`);
    }
    this.used += bytes;
  }

  give(bytes: number): void {
    this.used -= bytes;
  }

  private measure(): void {
    if (this.maxBytes === undefined) return;
    this.sinceMeasured = 0;
    this.used = sizeBelow(this.folder);
  }
}

function sizeBelow(folder: string): number {
  let size = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) size += sizeBelow(path);
    else size += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }
  return size;
}
