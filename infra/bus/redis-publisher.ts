import { setTimeout as wait } from "node:timers/promises";

import { Cluster } from "ioredis";
import type { Logger } from "../logging.js";
import type { RedisClient, RedisConnection } from "../redis/connection.js";
import { notWritable, type WriteState, whyRefused, writable } from "../redis/write-state.js";
import type { BusMessage } from "./bus.js";
import { EncodedMessage, payloadLength } from "./encoded-message.js";
import { BusClosed } from "./errors.js";
import { isBook, type RedisNames } from "./redis-names.js";
import { RoundWriter } from "./redis-round.js";
import { publishScript, publishScriptSha } from "./redis-scripts.js";
import { slotOf } from "./redis-slot.js";
import { WrittenCommand } from "./redis-written-command.js";
import { kindOfChannel } from "./subscriber.js";

/** One call of `publish`, done when all of its messages are. */
interface Call {
  left: number;
  resolve(): void;
  reject(error: Error): void;
}

/** What one script call takes: in a cluster, messages of one slot. */
interface Group {
  /** Counts groups as they were made: what failed goes again in this order. */
  readonly number: number;
  readonly messages: BusMessage[];
  /** The call that each of the messages came with. */
  readonly calls: Call[];
}

/** What is known of a channel in a cluster, and of one whose messages do not say when they renew. */
interface Known {
  /** In a cluster; -1 until it is asked for. */
  slot: number;
  /** When its time to live was last renewed, and when it was last announced, by performance.now(). */
  renewedAt: number;
  announcedAt: number;
}

export interface PublisherSettings {
  readonly connection: RedisConnection;
  readonly names: RedisNames;
  readonly lastValueSeconds: number;
  readonly logger: Logger;
}

const mostMessages = 1000;
const mostMessagesOfCluster = 2000;
const mostCharacters = 1024 * 1024;
const mostRounds = 8;
const closingMs = 2000;
const renewMs = 60_000;
const announceAgainMs = 20 * 60_000;

/**
 * Sends messages in order: rounds of up to 1,000, eight of them under way. When one fails, no other leaves before all that
 * was under way has settled and the failed ones have gone through, in their order: an outage delays and repeats.
 */
export class RedisPublisher {
  private waiting: BusMessage[] = [];
  private waitingCalls: Call[] = [];
  private taken = 0;
  private groups = 0;
  private readonly underWay = new Set<Promise<void>>();
  private failed: { group: Group; error: unknown }[] = [];
  private repairing = false;
  private scheduled = false;
  private closed = false;
  private readonly known = new Map<string, Known>();
  private readonly isCluster: boolean;
  /** The server that is connected has run the script. */
  private knowsScript = false;
  private readonly writer: RoundWriter;
  private readonly client: RedisClient;
  /** What the newest attempt met that failed; undefined since one has gone through. */
  private refusal: unknown;

  constructor(private readonly settings: PublisherSettings) {
    const { connection, names } = settings;
    const { client } = connection;
    this.client = client;
    this.writer = new RoundWriter(names.prefix);
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
      for (const message of messages) {
        this.waiting.push(message);
        this.waitingCalls.push(call);
      }
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
    const left = [...this.failed.splice(0).flatMap(({ group }) => group.calls), ...this.waitingCalls.slice(this.taken)];
    this.waiting = [];
    this.waitingCalls = [];
    this.taken = 0;
    for (const call of left) call.reject(new BusClosed());
  }

  /** Whether messages get through, as the newest attempt had it. */
  get state(): WriteState {
    if (this.refusal === undefined) return writable;
    const { state } = this.settings.connection;
    return state.writable ? notWritable(whyRefused(this.refusal)) : state;
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

  private take(): Group {
    const most = this.isCluster ? mostMessagesOfCluster : mostMessages;
    const from = this.taken;
    let characters = 0;
    while (this.taken < this.waiting.length && this.taken - from < most && characters < mostCharacters) {
      characters += payloadLength(this.waiting[this.taken++]!);
    }
    const messages = this.waiting.slice(from, this.taken);
    const calls = this.waitingCalls.slice(from, this.taken);
    if (this.taken === this.waiting.length || this.taken > 10_000) {
      this.waiting = this.waiting.slice(this.taken);
      this.waitingCalls = this.waitingCalls.slice(this.taken);
      this.taken = 0;
    }
    return { number: this.groups++, messages, calls };
  }

  private groupsOf(round: Group): Group[] {
    if (!this.isCluster) return [round];
    const groups = new Map<number, Group>();
    for (const [at, message] of round.messages.entries()) {
      const slot = this.slotOf(message.channel);
      let group = groups.get(slot);
      if (group === undefined) {
        group = { number: this.groups++, messages: [], calls: [] };
        groups.set(slot, group);
      }
      group.messages.push(message);
      group.calls.push(round.calls[at]!);
    }
    return [...groups.values()];
  }

  private knownOf(channel: string): Known {
    let known = this.known.get(channel);
    if (known === undefined) {
      known = { slot: -1, renewedAt: Number.NEGATIVE_INFINITY, announcedAt: Number.NEGATIVE_INFINITY };
      this.known.set(channel, known);
    }
    return known;
  }

  private slotOf(channel: string): number {
    const known = this.knownOf(channel);
    if (known.slot < 0) known.slot = slotOf(this.settings.names.channel(channel));
    return known.slot;
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
      if (!isMissingScript(failure.reason)) this.refusal = failure.reason;
      return;
    }
    if (this.failed.length === 0) this.refusal = undefined;
    for (const call of group.calls) if (--call.left === 0) call.resolve();
  }

  /** Sends what failed until nothing does. */
  private async repair(): Promise<void> {
    this.repairing = true;
    for (let attempt = 0; this.failed.length > 0 && !this.closed; attempt++) {
      const again = this.failed.splice(0).sort((a, b) => a.group.number - b.group.number);
      const { error } = again[0]!;
      if (again.some(({ error }) => isMissingScript(error))) await this.loadScript();
      else {
        if (attempt === 3) {
          this.settings.logger.warn({ err: error, why: this.state.why }, "Redis does not take messages: trying again");
        }
        await wait(Math.min(20 * 2 ** Math.min(attempt, 6), 1000));
      }
      if (this.closed) for (const call of again.flatMap(({ group }) => group.calls)) call.reject(new BusClosed());
      else await Promise.all(again.map(({ group }) => this.attempt(group)));
    }
    this.repairing = false;
    this.send();
  }

  private async loadScript(): Promise<void> {
    const { client } = this;
    const nodes = client instanceof Cluster ? client.nodes("master") : [client];
    await Promise.allSettled(nodes.map((node) => node.script("LOAD", publishScript)));
  }

  private call({ messages }: Group): Promise<unknown> {
    const { names, lastValueSeconds } = this.settings;
    const now = performance.now();
    this.writer.begin(messages.length);
    for (const message of messages) this.writer.add(this.codeOf(message, now), message);
    const publish = this.isCluster ? "SPUBLISH" : "PUBLISH";
    const key = names.last(messages[0]!.channel);
    const given = ["1", key, `${lastValueSeconds}`, publish, `${names.prefix.length}`] as const;
    // by its digest some rounds could be refused and later ones, once another process has brought the script, taken
    const isKnown = this.isCluster || this.knowsScript;
    const [name, script] = isKnown ? ["evalsha", publishScriptSha] : ["eval", publishScript];
    const round = this.writer.taken(name, script, ...given);
    const sent = this.client.sendCommand(new WrittenCommand(name, [script, "1", key], round.bytes)) as Promise<unknown>;
    return sent.then(() => {
      if (!isKnown) this.knowsScript = true;
      // of one that failed a part may still lie in the socket
      round.release();
    });
  }

  private codeOf(message: BusMessage, now: number): string {
    switch (message.kind) {
      case "event":
        return this.renews(message, now) ? "E" : "e";
      case "increment":
        return "i";
      case "snapshot":
        return "s";
      case "value":
        if (isBook(message.channel)) return "b";
        return this.renews(message, now) ? "V" : "v";
    }
  }

  /** A time to live, of an hour at least, is renewed with a message, but not more than once in a minute. */
  private renews(message: BusMessage, now: number): boolean {
    if (message instanceof EncodedMessage) return message.renews;
    const known = this.knownOf(message.channel);
    if (now < known.renewedAt + renewMs) return false;
    known.renewedAt = now;
    return true;
  }

  /** Sharded channels have no patterns: who follows a kind is told of channels that are new to this publisher. */
  private announce(group: Group): Promise<unknown> | undefined {
    const now = performance.now();
    const fresh = new Set<string>();
    for (const { channel } of group.messages) {
      if (now - this.knownOf(channel).announcedAt > announceAgainMs) fresh.add(channel);
    }
    if (fresh.size === 0) return undefined;
    return Promise.all([...fresh].map((channel) => this.announceOne(channel, now)));
  }

  private async announceOne(channel: string, now: number): Promise<void> {
    const { names, lastValueSeconds } = this.settings;
    const { client } = this;
    const key = names.kindChannels(kindOfChannel(channel));
    await Promise.all([client.sadd(key, channel), client.expire(key, lastValueSeconds), client.spublish(key, channel)]);
    this.knownOf(channel).announcedAt = now;
  }
}

const isMissingScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith("NOSCRIPT");
