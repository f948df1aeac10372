import type { PushSettings } from "./settings.js";
import { WorkBudget } from "./work-budget.js";

interface Entry {
  open: number;
  readonly openings: WorkBudget;
}

/** Addresses that nobody is connected from are forgotten when there are so many. */
const MOST_REMEMBERED = 10_000;

/** How many connections each address has, and how quickly it opens them. */
export class Addresses {
  readonly #entries = new Map<string, Entry>();
  #open = 0;

  constructor(private readonly settings: PushSettings) {}

  /** Counts an attempt. @returns why it is refused */
  refusal(address: string): "too_many_connections" | "too_many_openings" | undefined {
    const { connections, connectionsPerAddress } = this.settings.bounds;
    const entry = this.#entryOf(address);
    if (this.#open >= connections || entry.open >= connectionsPerAddress) return "too_many_connections";
    if (entry.openings.wait() > 0) return "too_many_openings";
    entry.openings.charge(1);
    return undefined;
  }

  enter(address: string): void {
    this.#entryOf(address).open++;
    this.#open++;
  }

  leave(address: string): void {
    this.#entryOf(address).open--;
    this.#open--;
  }

  #entryOf(address: string): Entry {
    let entry = this.#entries.get(address);
    if (entry === undefined) {
      if (this.#entries.size >= MOST_REMEMBERED) this.#forget();
      const { bounds, rateLimit } = this.settings;
      entry = { open: 0, openings: new WorkBudget(rateLimit.connectionsPerSecond, bounds.connectionsPerAddress) };
      this.#entries.set(address, entry);
    }
    return entry;
  }

  #forget(): void {
    for (const [address, { open }] of this.#entries) if (open === 0) this.#entries.delete(address);
  }
}
