import type { Micros } from "../../schemas/words.js";
import type { Json, LogClock, SaveState } from "./operator.js";

/** One record of a task's state: null takes the key away. */
export interface StateChange {
  readonly key: string;
  readonly value: string | null;
}

/** What happens in a task that numbers should show. It changes no output. */
export interface TaskObserver {
  refused(topic: string, reason: string): void;
  /** Taken in, though something is odd with it. */
  marked(topic: string, reason: string, exchange: string, symbol: string): void;
  book(exchange: string, symbol: string, live: boolean): void;
  ticks(topic: string, count: number): void;
}

export const silentObserver: TaskObserver = { refused() {}, marked() {}, book() {}, ticks() {} };

/** A task: what turns the records of one input partition into outputs and state. */
export interface Task {
  /** `topic/partition`, e.g. `market.raw/3`. */
  readonly name: string;
  readonly clock: LogClock;
  /**
   * Folds one record in. Never throws for what the record holds: what can not be read is refused.
   *
   * @param timestamp the record's own, for what has no time that can be read
   */
  process(value: Uint8Array | null, offset: number, timestamp?: Micros): void;
  /** What changed since the last call, and the input position that all of the state now stands for. */
  checkpoint(): StateChange[];
  /** Takes the state of a former run. @returns the next offset to read; undefined when there was none */
  restore(records: ReadonlyMap<string, string>): number | undefined;
  /**
   * After a restore: brings the last values that stand in the state alone to their channels again. It sends what was
   * sent before under the same numbers, adds nothing to the log, and changes no state and no later output.
   */
  announce?(): void;
  /** The input lost so many records to retention. */
  lost(records: number): void;
}

/** Keeps what was last written for each key, so that a checkpoint writes only what changed. */
export class StateKeeper {
  readonly #written = new Map<string, string>();

  constructor(
    /** `topic/partition`: every key of the task begins with it. */
    readonly task: string,
  ) {}

  /** Runs the savers and answers the records that differ from what was written before. */
  changes(save: (write: SaveState) => void): StateChange[] {
    const changes: StateChange[] = [];
    save((key, value) => {
      const full = `${this.task}/${key}`;
      if (value === null) {
        if (this.#written.delete(full)) changes.push({ key: full, value: null });
        return;
      }
      const text = JSON.stringify(value);
      if (this.#written.get(full) === text) return;
      this.#written.set(full, text);
      changes.push({ key: full, value: text });
    });
    return changes;
  }

  /** Hands each record of this task to `load` by key order; they count as written. */
  restore(records: ReadonlyMap<string, string>, load: (key: string, value: Json) => void): void {
    const prefix = `${this.task}/`;
    const keys = [...records.keys()].filter((key) => key.startsWith(prefix)).sort();
    for (const key of keys) {
      const text = records.get(key)!;
      this.#written.set(key, text);
      load(key.slice(prefix.length), JSON.parse(text) as Json);
    }
  }
}
