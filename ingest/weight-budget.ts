/**
 * The weight of one address in a calendar minute, as its venue counts it. Clients that a venue counts together share one:
 * feeds of one venue, and venues of one pool.
 */
export class WeightBudget {
  #minute = 0;
  #used = 0;
  /** ms since the epoch: the venue lets nothing through before. */
  pausedUntil = 0;

  get used(): number {
    return this.#used;
  }

  /** @param now ms since the epoch; a new minute begins at nothing */
  turn(now: number): void {
    const minute = Math.floor(now / 60_000);
    if (minute === this.#minute) return;
    this.#minute = minute;
    this.#used = 0;
  }

  spend(weight: number): void {
    this.#used += weight;
  }

  /** The venue's own count, believed where it is higher: others may ask from this address, too. */
  said(used: number): void {
    if (used > this.#used) this.#used = used;
  }
}

/** The budgets of one process, by the venue's pool or id. */
export class WeightBudgets {
  readonly #all = new Map<string, WeightBudget>();

  of(name: string): WeightBudget {
    let budget = this.#all.get(name);
    if (budget === undefined) {
      budget = new WeightBudget();
      this.#all.set(name, budget);
    }
    return budget;
  }
}
