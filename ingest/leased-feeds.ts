import type { Logger } from "../infra/logging.js";
import type { Feed, VenueChoice } from "./feed.js";
import type { FeedKind } from "./venue.js";

/** The name of a feed's lease. */
export const leaseName = (venue: string, kind: FeedKind, symbol: string): string => `${venue}|${kind}|${symbol}`;

/** All leases that the choices need. */
export function leaseNames(choices: readonly VenueChoice[]): string[] {
  return choices.flatMap(({ venue, symbols, kinds }) =>
    symbols.flatMap((symbol) => kinds.map((kind) => leaseName(venue.id, kind, symbol))),
  );
}

/** What of a choice is held: symbols with the same kinds together. */
export function heldChoices(choice: VenueChoice, held: ReadonlySet<string>): VenueChoice[] {
  const groups = new Map<string, { symbols: string[]; kinds: FeedKind[] }>();
  for (const symbol of choice.symbols) {
    const kinds = choice.kinds.filter((kind) => held.has(leaseName(choice.venue.id, kind, symbol)));
    if (kinds.length === 0) continue;
    const group = groups.get(kinds.join()) ?? { symbols: [], kinds };
    group.symbols.push(symbol);
    groups.set(kinds.join(), group);
  }
  return [...groups.values()].map((group) => ({ venue: choice.venue, all: choice.symbols, ...group }));
}

/** The feeds of the venues, made anew for a venue when what is held of it changes. */
export class LeasedFeeds {
  private readonly running = new Map<string, { readonly key: string; readonly feeds: Feed[] }>();

  constructor(
    private readonly choices: readonly VenueChoice[],
    /** @param progress by symbol, the last trade that a former holder had in the log */
    private readonly start: (choice: VenueChoice, progress: ReadonlyMap<string, string>) => Feed,
    private readonly logger: Logger,
  ) {}

  *all(): Iterable<Feed> {
    for (const { feeds } of this.running.values()) yield* feeds;
  }

  of(venue: string): readonly Feed[] {
    return this.running.get(venue)?.feeds ?? [];
  }

  change(held: ReadonlySet<string>, gained: ReadonlyMap<string, string>): void {
    for (const choice of this.choices) {
      const { id } = choice.venue;
      const parts = heldChoices(choice, held);
      const key = JSON.stringify(parts.map(({ symbols, kinds }) => [symbols, kinds]));
      const before = this.running.get(id);
      const isGained = choice.symbols.some((symbol) => gained.has(leaseName(id, "trade", symbol)));
      if (before?.key === key && !isGained) continue;
      for (const feed of before?.feeds ?? []) feed.stop();
      const progress = new Map<string, string>();
      for (const symbol of choice.symbols) {
        const from = gained.get(leaseName(id, "trade", symbol));
        if (from) progress.set(symbol, from);
      }
      this.running.set(id, { key, feeds: parts.map((part) => this.start(part, progress)) });
      this.logger.info({ exchange: id, symbols: parts.flatMap(({ symbols }) => symbols).length }, "feeds by lease");
    }
  }

  stop(): void {
    for (const feed of this.all()) feed.stop();
  }
}
