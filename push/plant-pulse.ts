import type { Bus, BusMessage, BusSubscription } from "../infra/bus/bus.js";
import type { Condition } from "../infra/health.js";
import { partitionOf } from "../infra/log/partitioner.js";
import type { Logger } from "../infra/logging.js";
import type { Envelope, PulseMessage } from "../schemas/messages.js";
import { AGGREGATE } from "../schemas/words.js";
import type { Channel } from "./channels.js";

/**
 * Signs of life come every second of log time: after so long without one a partition stands still. A loaded machine is
 * late by seconds, and clients are to know within 15.
 */
const STILL_MS = 10_000;
/** After a start so long is waited for the first one. */
const FIRST_MS = 10_000;
const MOST_NAMED = 10;

export interface PlantPulseOptions {
  readonly bus: Bus;
  readonly logger: Logger;
  /** Whether anything is to come in by itself: then silence from the start is a fault, too. */
  readonly expected: boolean;
  /** ms of a clock that never steps. */
  readonly now?: () => number;
}

/** Why a channel is stale. */
export interface Staleness {
  readonly reason: string;
  /** µs since the epoch, UTC. */
  readonly since: number;
}

interface Partition {
  heardAt: number;
  message: PulseMessage;
}

/** Which streams stand behind a kind of channel; kinds that are not named go by their venue and partition alone. */
const behind: Readonly<Record<string, readonly string[]>> = {
  trade: ["trade"],
  kline: ["trade"],
  depth: ["depth"],
  ticker: ["ticker", "quote"],
};

/**
 * What push knows of the plant behind it: each task's sign of life on the bus, `pulse:{partition}`, with the health of
 * feeds and streams in it. A channel is stale when its partition stands still, its venue's feeds or its own streams are
 * ill; how old its newest message is says nothing, a market may be quiet.
 */
export class PlantPulse {
  readonly #partitions = new Map<number, Partition>();
  readonly #now: () => number;
  readonly #begun: number;
  #subscription: BusSubscription | undefined;

  constructor(private readonly options: PlantPulseOptions) {
    this.#now = options.now ?? (() => performance.now());
    this.#begun = this.#now();
  }

  async start(): Promise<void> {
    const { bus, logger } = this.options;
    this.#subscription = await bus.subscribe({ messages: (messages) => this.take(messages) });
    try {
      await this.#subscription.addKind("pulse");
      // what Redis remembers says which partitions there are to be heard
      const names = (await bus.channels()).filter((name) => name.startsWith("pulse:"));
      for (const last of await Promise.all(names.map((name) => bus.last(name)))) {
        if (last !== undefined) this.#heard(last.payload, true);
      }
    } catch (error) {
      logger.warn({ err: error }, "the signs of life of the processors can not be read now");
    }
  }

  async stop(): Promise<void> {
    await this.#subscription?.close();
  }

  take(messages: readonly BusMessage[]): void {
    for (const { channel, payload } of messages) if (channel.startsWith("pulse:")) this.#heard(payload, false);
  }

  /** For /readyz. */
  conditions(): Condition[] {
    const now = this.#now();
    if (this.#partitions.size === 0) {
      if (!this.options.expected || now - this.#begun < FIRST_MS) return [];
      const reason = "nothing is heard of any partition: do ingest and processors run?";
      return [{ name: "plant_silent", reason, severity: "not_ready" }];
    }
    const held: Condition[] = [];
    const still = [...this.#partitions].filter(([, partition]) => this.#isStill(partition, now));
    if (still.length > 0) held.push(stillCondition(still, now));
    else held.push(...this.#feedConditions());
    return held;
  }

  /** Why the channel is stale; undefined while it is not, and where nothing is known. */
  staleness(channel: Channel): Staleness | undefined {
    const { kind, subject, venue } = channel;
    if (this.#partitions.size === 0 || kind === "instrument" || kind === "pulse") return undefined;
    const now = this.#now();
    const ofAll = kind === "index" || kind === "signal";
    for (const [number, partition] of this.#partitions) {
      if (!ofAll && number !== partitionFor(channel, partition.message.partitions)) continue;
      if (!this.#isStill(partition, now)) continue;
      const since = Math.round(Date.now() - (now - partition.heardAt)) * 1000;
      return { reason: `partition ${number} stands still`, since };
    }
    if (kind === "feed") return undefined;
    const kinds = behind[kind] ?? [];
    if (venue === AGGREGATE) return this.#allIll(subject, kinds);
    return this.#venueIll(venue) ?? this.#streamIll(venue, subject, kinds);
  }

  /** Changes whenever a channel's staleness may have. */
  get version(): string {
    const now = this.#now();
    const parts: string[] = [];
    for (const [number, partition] of this.#partitions) {
      if (this.#isStill(partition, now)) parts.push(`${number} still`);
      const { feeds, ill } = partition.message;
      for (const { exchange, feed, connected } of feeds) if (!connected) parts.push(`${exchange} ${feed}`);
      for (const { exchange, feed, symbol, kind, how } of ill) parts.push(`${exchange}${feed}${symbol}${kind}${how}`);
    }
    return parts.join();
  }

  /** @param remembered a last value, which may be old: it has the usual time to be followed by another */
  #heard(payload: string, remembered: boolean): void {
    const { data } = JSON.parse(payload) as Envelope<PulseMessage>;
    const known = this.#partitions.get(data.partition);
    if (remembered && known !== undefined) return;
    if (known === undefined) this.#partitions.set(data.partition, { heardAt: this.#now(), message: data });
    else {
      known.heardAt = this.#now();
      known.message = data;
    }
  }

  #isStill({ heardAt, message }: Partition, now: number): boolean {
    return !message.ended && now - heardAt > STILL_MS;
  }

  /** No venue is well, or none for the streams of a symbol. */
  #allIll(symbol = "", kinds: readonly string[] = []): Staleness | undefined {
    const venues = new Set(
      [...this.#partitions.values()].flatMap(({ message }) => message.feeds.map((f) => f.exchange)),
    );
    const ill = [...venues].map((venue) => this.#venueIll(venue));
    const since = (all: readonly (Staleness | undefined)[]) => Math.max(...all.map((one) => one!.since));
    if (ill.length === 0) return undefined;
    if (!ill.includes(undefined)) return { reason: "no venue's feed is well", since: since(ill) };
    const streams = [...venues].map((venue, at) => ill[at] ?? this.#streamIll(venue, symbol, kinds));
    if (streams.includes(undefined)) return undefined;
    return { reason: `no venue's ${kinds[0]} of ${symbol} is well`, since: since(streams) };
  }

  /** All of its connections are away, or bring nothing as a whole. */
  #venueIll(venue: string): Staleness | undefined {
    let found: Staleness | undefined;
    for (const { message } of this.#partitions.values()) {
      const feeds = message.feeds.filter(({ exchange }) => exchange === venue);
      if (feeds.length === 0) continue;
      for (const { feed, connected, since } of feeds) {
        const ill = message.ill.find((one) => one.exchange === venue && one.feed === feed && one.symbol === "");
        if (connected && ill === undefined) return undefined;
        found ??= connected
          ? { reason: `${venue}: ${ill!.how}`, since: ill!.since }
          : { reason: `${venue}: down`, since };
      }
    }
    return found;
  }

  /** The channel's own streams: stale only when none that could feed it is well. */
  #streamIll(venue: string, symbol: string, kinds: readonly string[]): Staleness | undefined {
    for (const { message } of this.#partitions.values()) {
      const ill = message.ill.find(
        (one) => one.exchange === venue && one.symbol === symbol && kinds.includes(one.kind) && one.how !== "slow",
      );
      if (ill !== undefined) return { reason: `${venue} ${ill.kind}: ${ill.how}`, since: ill.since };
    }
    return undefined;
  }

  *#feedConditions(): Generator<Condition> {
    const all = this.#allIll();
    const seen = new Set<string>();
    for (const { message } of this.#partitions.values()) {
      for (const { exchange } of message.feeds) {
        if (seen.has(exchange)) continue;
        seen.add(exchange);
        const ill = this.#venueIll(exchange);
        // one venue of several: the others' channels are served as before
        if (ill !== undefined) yield condition(exchange, ill.reason, all === undefined ? "note" : "not_ready");
      }
    }
    if (all !== undefined) return;
    const streams = new Set<string>();
    for (const { message } of this.#partitions.values()) {
      for (const { exchange, symbol, kind, how } of message.ill) {
        if (symbol !== "") streams.add(`${kind} of ${symbol} at ${exchange} (${how})`);
      }
    }
    if (streams.size === 0) return;
    const named = [...streams].slice(0, MOST_NAMED).join(", ");
    const more = streams.size > MOST_NAMED ? ` and ${streams.size - MOST_NAMED} more` : "";
    yield { name: "stream_late", reason: `late: ${named}${more}`, severity: "note" };
  }
}

function condition(exchange: string, reason: string, severity: Condition["severity"]): Condition {
  return { name: "feed_ill", subject: exchange, reason, severity };
}

function stillCondition(still: readonly (readonly [number, Partition])[], now: number): Condition {
  const named = still.map(([number]) => number).sort((a, b) => a - b);
  const seconds = Math.round(Math.max(...still.map(([, { heardAt }]) => now - heardAt)) / 1000);
  const what = `partitions that stand still for ${seconds} s: ${named.join(", ")}`;
  const reason = `${what}; do ingest, log, processors and bus work?`;
  return { name: "plant_silent", reason, severity: "not_ready" };
}

function partitionFor({ kind, subject }: Channel, partitions: number): number {
  return kind === "feed" ? 0 : partitionOf(subject, partitions);
}
