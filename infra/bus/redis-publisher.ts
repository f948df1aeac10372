import { setTimeout as wait } from "node:timers/promises";

import { Cluster } from "ioredis";
import type { Logger } from "../logging.js";
import type { RedisClient } from "../redis-connection.js";
import type { BusMessage } from "./bus.js";
import { BusClosed } from "./errors.js";
import { contentOf, type RedisNames } from "./redis-names.js";
import { RoundWriter } from "./redis-round.js";
import { publishScript, publishScriptSha } from "./redis-scripts.js";
import { slotOf } from "./redis-slot.js";
import { kindOfChannel } from "./subscriber.js";

/** One call of `publish`, done when all of its messages are. */
interface Call {
  left: number;
  resolve(): void;
  reject(error: Error): void;
}

interface Entry {
  readonly message: BusMessage;
  readonly call: Call;
}

/** What one script call takes: in a cluster, messages of one slot. */
interface Group {
  /** Counts groups as they were made: what failed goes again in this order. */
  readonly number: number;
  readonly entries: Entry[];
}

export interface PublisherSettings {
  readonly client: RedisClient;
  readonly names: RedisNames;
  readonly lastValueSeconds: number;
  readonly logger: Logger;
}

const mostMessages = 200;
const mostMessagesOfCluster = 2000;
const mostCharacters = 1024 * 1024;
const mostRounds = 8;
const closingMs = 2000;
const renewMs = 60_000;
const announceAgainMs = 20 * 60_000;

/**
 * Sends messages in order: rounds of up to 200, eight of them under way. When one fails, no other leaves before all that
 * was under way has settled and the failed ones have gone through, in their order: an outage delays and repeats.
 */
export class RedisPublisher {
  private readonly waiting: Entry[] = [];
  private taken = 0;
  private groups = 0;
  private readonly underWay = new Set<Promise<void>>();
  private failed: { group: Group; error: unknown }[] = [];
  private repairing = false;
  private scheduled = false;
  private closed = false;
  private readonly announced = new Map<string, number>();
  private readonly renewed = new Map<string, number>();
  private readonly slots = new Map<string, number>();
  private readonly isCluster: boolean;
  /** The server that is connected has run the script. */
  private knowsScript = false;
  private readonly writer = new RoundWriter();

  constructor(private readonly settings: PublisherSettings) {
    const { client } = settings;
    this.isCluster = client instanceof Cluster;
    client.on("close", () => {
      this.knowsScript = false;
    });
  }

  /** Resolves when Redis has all messages; waits through outages. @throws BusClosed when closed meanwhile */
  publish(messages: readonly BusMessage[]): Promise<void> {
    if (this.closed) return Promise.reject(new BusClosed());
    if (messages.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const call = { left: messages.length, resolve, reject };
      for (const message of messages) this.waiting.push({ message, call });
      if (this.scheduled) return;
      this.scheduled = true;
      // what is published in the same turn of the loop leaves in one round
      setImmediate(() => {
        this.scheduled = false;
        this.send();
      });
    });
  }

  /** Waits up to two seconds for what is under way; what Redis has not got then is rejected. */
  async close(): Promise<void> {
    const end = performance.now() + closingMs;
    while (this.busy() && performance.now() < end) await wait(5);
    this.closed = true;
    const left = [
      ...this.failed.splice(0).flatMap(({ group }) => group.entries),
      ...this.waiting.splice(0).slice(this.taken),
    ];
    this.taken = 0;
    for (const { call } of left) call.reject(new BusClosed());
  }

  private busy(): boolean {
    return this.waiting.length > 0 || this.underWay.size > 0 || this.repairing;
  }

  private send(): void {
    // a node of a cluster may refuse one round and take the next: there the next waits, so that no book gets a hole
    const most = this.isCluster ? 1 : mostRounds;
    while (!this.repairing && this.failed.length === 0 && this.underWay.size < most && this.waiting.length > 0) {
      this.dispatch(this.groupsOf(this.take()));
    }
  }

  private take(): Entry[] {
    const most = this.isCluster ? mostMessagesOfCluster : mostMessages;
    const from = this.taken;
    let characters = 0;
    while (this.taken < this.waiting.length && this.taken - from < most && characters < mostCharacters) {
      characters += this.waiting[this.taken++]!.message.payload.length;
    }
    const round = this.waiting.slice(from, this.taken);
    if (this.taken === this.waiting.length || this.taken > 10_000) {
      this.waiting.splice(0, this.taken);
      this.taken = 0;
    }
    return round;
  }

  private groupsOf(round: Entry[]): Group[] {
    if (!this.isCluster) return [{ number: this.groups++, entries: round }];
    const groups = new Map<number, Group>();
    for (const entry of round) {
      const slot = this.slotOf(entry.message.channel);
      const group = groups.get(slot);
      if (group === undefined) groups.set(slot, { number: this.groups++, entries: [entry] });
      else group.entries.push(entry);
    }
    return [...groups.values()];
  }

  private slotOf(channel: string): number {
    let slot = this.slots.get(channel);
    if (slot === undefined) {
      slot = slotOf(this.settings.names.channel(channel));
      this.slots.set(channel, slot);
    }
    return slot;
  }

  private dispatch(groups: readonly Group[]): void {
    const round = Promise.all(groups.map((group) => this.attempt(group))).then(() => {
      this.underWay.delete(round);
      if (this.failed.length === 0) this.send();
      else if (this.underWay.size === 0 && !this.repairing) void this.repair();
    });
    this.underWay.add(round);
  }

  private async attempt(group: Group): Promise<void> {
    const announced = this.isCluster ? this.announce(group) : undefined;
    const answers = await Promise.allSettled(
      announced === undefined ? [this.call(group)] : [announced, this.call(group)],
    );
    const failure = answers.find((answer) => answer.status === "rejected");
    if (failure !== undefined) {
      this.failed.push({ group, error: failure.reason });
      return;
    }
    for (const { call } of group.entries) if (--call.left === 0) call.resolve();
  }

  /** Sends what failed until nothing does. */
  private async repair(): Promise<void> {
    this.repairing = true;
    for (let attempt = 0; this.failed.length > 0 && !this.closed; attempt++) {
      const again = this.failed.splice(0).sort((a, b) => a.group.number - b.group.number);
      const { error } = again[0]!;
      if (again.some(({ error }) => isMissingScript(error))) await this.loadScript();
      else {
        if (attempt === 3) this.settings.logger.warn({ err: error }, "Redis does not take messages: trying again");
        await wait(Math.min(20 * 2 ** Math.min(attempt, 6), 1000));
      }
      if (this.closed) for (const { call } of again.flatMap(({ group }) => group.entries)) call.reject(new BusClosed());
      else await Promise.all(again.map(({ group }) => this.attempt(group)));
    }
    this.repairing = false;
    this.send();
  }

  private async loadScript(): Promise<void> {
    const { client } = this.settings;
    const nodes = client instanceof Cluster ? client.nodes("master") : [client];
    await Promise.allSettled(nodes.map((node) => node.script("LOAD", publishScript)));
  }

  private call({ entries }: Group): Promise<unknown> {
    const { client, names, lastValueSeconds } = this.settings;
    this.writer.begin(entries.length);
    for (const { message } of entries) this.writer.add(names.last(message.channel), this.codeOf(message), message);
    const publish = this.isCluster ? "SPUBLISH" : "PUBLISH";
    const key = names.last(entries[0]!.message.channel);
    const given = [key, lastValueSeconds, publish, this.writer.taken()] as const;
    if (this.isCluster || this.knowsScript) return client.evalsha(publishScriptSha, 1, ...given);
    // by its digest some rounds could be refused and later ones, once another process has brought the script, taken
    return client.eval(publishScript, 1, ...given).then(() => {
      this.knowsScript = true;
    });
  }

  private codeOf({ channel, kind }: BusMessage): string {
    switch (kind) {
      case "event":
        return this.renews(channel) ? "E" : "e";
      case "increment":
        return "i";
      case "snapshot":
        return "s";
      case "value":
        return contentOf(channel) === "book" ? "b" : "v";
    }
  }

  /** A tape's time to live is renewed with an event, but not more than once in a minute. */
  private renews(channel: string): boolean {
    const now = performance.now();
    if (now < (this.renewed.get(channel) ?? Number.NEGATIVE_INFINITY) + renewMs) return false;
    this.renewed.set(channel, now);
    return true;
  }

  /** Sharded channels have no patterns: who follows a kind is told of channels that are new to this publisher. */
  private announce(group: Group): Promise<unknown> | undefined {
    const now = performance.now();
    const fresh = new Set<string>();
    for (const { message } of group.entries) {
      const before = this.announced.get(message.channel);
      if (before === undefined || now - before > announceAgainMs) fresh.add(message.channel);
    }
    if (fresh.size === 0) return undefined;
    return Promise.all([...fresh].map((channel) => this.announceOne(channel, now)));
  }

  private async announceOne(channel: string, now: number): Promise<void> {
    const { client, names, lastValueSeconds } = this.settings;
    const key = names.kindChannels(kindOfChannel(channel));
    await Promise.all([client.sadd(key, channel), client.expire(key, lastValueSeconds), client.spublish(key, channel)]);
    this.announced.set(channel, now);
  }
}

const isMissingScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith("NOSCRIPT");
