import { isVenue } from "../../schemas/names.js";
import type { FeedState, IllStream } from "../../schemas/ticks.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import type { FeedHealth } from "./market.js";
import type { Json } from "./operator.js";
import type { TimerSlot, Timers } from "./timers.js";

/** No heartbeat of a venue's session for so long means that its feeds are dead too. */
const SILENCE: Micros = 2_000_000;

interface VenueFeeds {
  readonly health: FeedHealth;
  readonly slot: TimerSlot;
  feeds: readonly { feed: string; connected: boolean; since: Micros }[];
  ill: readonly IllStream[];
}

/** What the heartbeats say of the venues' connections: connected while all of them are, and heard of. */
export class Feeds {
  readonly #venues = new Map<VenueId, VenueFeeds>();

  constructor(
    readonly timers: Timers,
    readonly onChange: (exchange: VenueId, health: FeedHealth) => void,
  ) {}

  of(exchange: VenueId): FeedHealth | undefined {
    return this.#venues.get(exchange)?.health;
  }

  /** @returns whether any feed's state is not what it was */
  take(states: readonly FeedState[], ill: readonly IllStream[], now: Micros): boolean {
    const byVenue = new Map<VenueId, { feed: string; connected: boolean; since: Micros }[]>();
    for (const { exchange, feed, connected, since } of states) {
      if (!isVenue(exchange)) continue;
      const feeds = byVenue.get(exchange) ?? [];
      feeds.push({ feed, connected, since });
      byVenue.set(exchange, feeds);
    }
    let changed = false;
    for (const [exchange, feeds] of byVenue) {
      const venue = this.#venues.get(exchange) ?? this.#create(exchange);
      this.timers.set(venue.slot, now + SILENCE);
      const ours = ill.filter((one) => one.exchange === exchange);
      if (JSON.stringify(venue.ill) !== JSON.stringify(ours)) {
        venue.ill = ours;
        changed = true;
      }
      if (JSON.stringify(venue.feeds) === JSON.stringify(feeds) && venue.health.connected === allConnected(feeds)) {
        continue;
      }
      venue.feeds = feeds;
      changed = true;
      this.#set(exchange, venue, allConnected(feeds), Math.max(...feeds.map(({ since }) => since)));
    }
    return changed;
  }

  /**
   * A heartbeat comes after silence. What it says to have been connected all along, in the state that was known before,
   * was quiet and not dead: its silence begins anew, before the timers on the way to `time` fire.
   */
  bridge(states: readonly FeedState[], time: Micros): void {
    for (const [exchange, { health, slot, feeds }] of this.#venues) {
      if (!health.connected || slot.due > time) continue;
      const said = states.filter((state) => state.exchange === exchange);
      const same = ({ feed, since }: (typeof feeds)[number]) =>
        said.some((state) => state.feed === feed && state.connected && state.since === since);
      if (said.length === feeds.length && feeds.every(same)) this.timers.set(slot, time + SILENCE);
    }
  }

  /** The venues with their connections, by name. */
  all(): { exchange: VenueId; feeds: VenueFeeds["feeds"]; ill: readonly IllStream[] }[] {
    return [...this.#venues].map(([exchange, { feeds, ill }]) => ({ exchange, feeds, ill }));
  }

  #set(exchange: VenueId, venue: VenueFeeds, connected: boolean, since: Micros): void {
    venue.health.connected = connected;
    venue.health.since = since;
    this.onChange(exchange, venue.health);
  }

  #create(exchange: VenueId): VenueFeeds {
    const slot = this.timers.slot(-1, exchange, (due) => {
      const venue = this.#venues.get(exchange)!;
      venue.feeds = venue.feeds.map(({ feed }) => ({ feed, connected: false, since: due }));
      this.#set(exchange, venue, false, due);
    });
    const venue: VenueFeeds = { health: { connected: false, since: 0 }, slot, feeds: [], ill: [] };
    this.#venues.set(exchange, venue);
    return venue;
  }

  save(): Json {
    return [...this.#venues].map(([exchange, { health, feeds, ill, slot }]) => ({
      exchange,
      connected: health.connected,
      since: health.since,
      feeds: feeds.map((feed) => ({ ...feed })),
      ill: ill.map((one) => ({ ...one })),
      due: slot.due === Number.POSITIVE_INFINITY ? null : slot.due,
    }));
  }

  load(saved: Json): void {
    for (const one of saved as unknown as SavedVenue[]) {
      if (!isVenue(one.exchange)) continue;
      const venue = this.#create(one.exchange);
      venue.health.connected = one.connected;
      venue.health.since = one.since;
      venue.feeds = one.feeds;
      // what an earlier version wrote has none
      venue.ill = one.ill ?? [];
      if (one.due !== null) this.timers.set(venue.slot, one.due);
    }
  }
}

interface SavedVenue extends FeedHealth {
  readonly exchange: VenueId;
  readonly feeds: VenueFeeds["feeds"];
  readonly ill?: readonly IllStream[];
  readonly due: Micros | null;
}

function allConnected(feeds: VenueFeeds["feeds"]): boolean {
  return feeds.every(({ connected }) => connected);
}
