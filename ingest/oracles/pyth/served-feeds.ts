import type { Micros } from "../../../schemas/words.js";
import { HermesRefused } from "./errors.js";

/** A feed that the server does not serve, and what it says to that. */
export interface RefusedFeed {
  readonly feedId: string;
  readonly why: string;
  readonly since: Micros;
}

/**
 * Which of the wanted feeds a Hermes server serves. It refuses a request whole for one feed that it does not know (404, which
 * names it) or that the key has no right to (403, which names none: then halves are asked for, until those are found).
 */
export class ServedFeeds {
  readonly #refused = new Map<string, RefusedFeed>();

  constructor(readonly wanted: readonly string[]) {}

  /** Those to ask for: all but the refused ones. */
  get served(): string[] {
    return this.wanted.filter((id) => !this.#refused.has(id));
  }

  get refused(): RefusedFeed[] {
    return [...this.#refused.values()];
  }

  /** Whether some were refused longer ago than this, so that they may be known by now. */
  isDue(before: Micros): boolean {
    return this.refused.some(({ since }) => since <= before);
  }

  /** All are to be asked for again. */
  forget(): void {
    this.#refused.clear();
  }

  /**
   * Finds out for which feeds it is that the server refused a request: some of them at least, so that the next request is a
   * smaller one.
   *
   * @param ask asks for these feeds alone
   * @returns those that it does not serve, newly found
   * @throws the refusal when it is not about single feeds; what `ask` throws before one was found
   */
  async narrow(refusal: HermesRefused, ask: Ask, now: Micros): Promise<RefusedFeed[]> {
    if (!refusal.isAboutFeeds) throw refusal;
    const { served } = this;
    const found = new Map<string, HermesRefused>();
    try {
      await findRefused(served, refusal, ask, found);
    } catch (error) {
      if (found.size === 0) throw error;
    }
    const isNamed = served.some((id) => refusal.unknownFeeds.includes(id));
    // all alike and unnamed: a key without any rights, or another server than Hermes
    if (found.size === 0 || (found.size === served.length && !isNamed)) throw refusal;
    const feeds = [...found].map(([feedId, { message: why }]) => ({ feedId, why, since: now }));
    for (const feed of feeds) this.#refused.set(feed.feedId, feed);
    return feeds;
  }
}

type Ask = (feedIds: readonly string[]) => Promise<unknown>;

/** Of feeds that were refused together, those that the server names, or that are refused alone. */
async function findRefused(
  feedIds: readonly string[],
  refusal: HermesRefused,
  ask: Ask,
  found: Map<string, HermesRefused>,
): Promise<void> {
  const named = feedIds.filter((id) => refusal.unknownFeeds.includes(id));
  const refused = feedIds.length === 1 ? feedIds : named;
  for (const id of refused) found.set(id, refusal);
  if (refused.length > 0) return;
  const middle = Math.ceil(feedIds.length / 2);
  for (const part of [feedIds.slice(0, middle), feedIds.slice(middle)]) {
    try {
      await ask(part);
    } catch (error) {
      if (!(error instanceof HermesRefused && error.isAboutFeeds)) throw error;
      await findRefused(part, error, ask, found);
    }
  }
}
