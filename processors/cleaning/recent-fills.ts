import { isSameTime } from "../../schemas/time-resolution.js";
import type { Micros } from "../../schemas/words.js";

const MOST = 128;

/** What is known of a trade beside its id. */
export interface FillContent {
  /** Of price, quantity and side. */
  hash: number;
  /** Exchange time. */
  time: Micros;
  /** The venue gave the time; else it is that of arrival, and tells nothing of a copy. */
  isTimed: boolean;
  /** It was fetched to fill a hole: a copy of what is known, or what was missing. */
  isFetched: boolean;
}

/** Per fill its key, the hash of its content, and its time after `since`. */
export interface RecentFillsJson {
  readonly since: Micros;
  readonly fills: readonly (number | string)[];
}

/** What a market's newest trades were, by their keys: several may have one. */
export class RecentFills {
  readonly #keys: (number | string)[] = [];
  readonly #hashes = new Int32Array(MOST);
  readonly #times = new Float64Array(MOST);
  /** Where the next one goes. */
  #at = 0;

  add(key: number | string, hash: number, time: Micros): void {
    const at = this.#at;
    this.#keys[at] = key;
    this.#hashes[at] = hash;
    this.#times[at] = time;
    this.#at = at + 1 === MOST ? 0 : at + 1;
  }

  /** Whether this very fill is here; or others of its key; or nothing of it. */
  look(key: number | string, { hash, time, isTimed, isFetched }: FillContent): "same" | "another" | "unknown" {
    let found: "another" | "unknown" = "unknown";
    for (let at = 0; at < this.#keys.length; at++) {
      if (this.#keys[at] !== key) continue;
      if (this.#hashes[at] === hash && (isFetched || !isTimed || isSameTime(time, this.#times[at]!))) return "same";
      found = "another";
    }
    return found;
  }

  keys(): readonly (number | string)[] {
    return this.#keys;
  }

  /** Exchange time of the newest of them. */
  get newest(): Micros {
    return this.#keys.length === 0 ? 0 : Math.max(...this.#times.subarray(0, this.#keys.length));
  }

  save(): RecentFillsJson {
    const count = this.#keys.length;
    const oldest = count < MOST ? 0 : this.#at;
    const since = count === 0 ? 0 : this.#times[oldest]!;
    const fills: (number | string)[] = [];
    for (let n = 0; n < count; n++) {
      const at = (oldest + n) % MOST;
      fills.push(this.#keys[at]!, this.#hashes[at]!, this.#times[at]! - since);
    }
    return { since, fills };
  }

  load({ since, fills }: RecentFillsJson): void {
    for (let at = 0; at < fills.length; at += 3) {
      this.add(fills[at]!, fills[at + 1] as number, since + (fills[at + 2] as number));
    }
  }
}
