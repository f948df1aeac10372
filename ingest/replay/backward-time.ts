import type { Micros } from "../../schemas/words.js";

interface Backwards {
  /** Records that are earlier than one before them, in this file or in one before it. */
  count: number;
  readonly firstLine: number;
  /** µs by which one is at most. */
  most: Micros;
}

/** Where a recording runs backwards in time, file by file. */
export class BackwardTime {
  readonly #files = new Map<string, Backwards>();
  #file = "";
  #line = 0;

  /** The records that follow stand in this line. */
  line(file: string, line: number): void {
    this.#file = file;
    this.#line = line;
  }

  /** A record is not later than the newest one before it. Both times in µs. */
  record(time: Micros, newest: Micros): void {
    const by = newest - time;
    if (by === 0) return;
    const known = this.#files.get(this.#file);
    if (known === undefined) this.#files.set(this.#file, { count: 1, firstLine: this.#line, most: by });
    else {
      known.count += 1;
      known.most = Math.max(known.most, by);
    }
  }

  /**
   * A line for each file that runs backwards by more than the grace in which a K-line waits for late trades: less comes of
   * several connections, and changes nothing.
   */
  warnings(graceMs: number): string[] {
    return [...this.#files]
      .filter(([, { most }]) => most > graceMs * 1_000)
      .map(
        ([file, { count, firstLine, most }]) =>
          `${file}: runs backwards in time, ${count} ${count === 1 ? "record is" : "records are"} earlier than one before, ` +
          `from line ${firstLine} on, by up to ${most / 1_000_000} s: sort the records by time, give files in their order`,
      );
  }
}
