/** So many in a row below the newest are a stream that has begun again, and no late ones. */
const RUN_OF = 3;

export type QuoteIdsJson = readonly [last: number, below: number, newestBelow: number];

/** The update ids of a market's quotes: an older one is late, unless ids have begun again. */
export class QuoteIds {
  #last = -1;
  #below = 0;
  #newestBelow = -1;

  /** @returns whether it is to be taken in: `late` is not; with `again` the ids have begun again */
  take(id: number): "next" | "late" | "again" {
    if (id >= this.#last) {
      this.#last = id;
      this.#below = 0;
      return "next";
    }
    this.#below = id > this.#newestBelow ? this.#below + 1 : 1;
    this.#newestBelow = id;
    if (this.#below < RUN_OF) return "late";
    this.begin();
    this.#last = id;
    return "again";
  }

  /** Whatever comes next is the first: the book or the connection has begun anew. */
  begin(): void {
    this.#last = -1;
    this.#below = 0;
    this.#newestBelow = -1;
  }

  save(): QuoteIdsJson {
    return [this.#last, this.#below, this.#newestBelow];
  }

  /** @param saved a number in states of before there was a count */
  load(saved: QuoteIdsJson | number): void {
    [this.#last, this.#below, this.#newestBelow] = typeof saved === "number" ? [saved, 0, -1] : saved;
  }
}
