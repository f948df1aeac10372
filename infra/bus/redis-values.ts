import { Cluster, type Redis } from "ioredis";
import type { RedisClient } from "../redis/connection.js";
import type { LastValue } from "./bus.js";
import { isUnbroken } from "./position.js";
import { contentOf, positionOf, type RedisNames } from "./redis-names.js";
import { positionBytes } from "./redis-scripts.js";

const keysAtOnce = 2000;
/** A tape is trimmed to these every now and then. */
const mostEvents = 100;

/** Reads last values as `LastValues` gives them: a book whole, or not at all. */
export class RedisValues {
  constructor(
    private readonly client: RedisClient,
    private readonly names: RedisNames,
  ) {}

  async last(channel: string): Promise<LastValue | undefined> {
    switch (contentOf(channel)) {
      case "value":
        return lastOf(await this.client.get(this.names.last(channel)), []);
      case "events":
        return this.events(channel);
      case "book":
        return this.book(channel);
    }
  }

  /** The text of a channel's newest value. */
  async newest(channel: string): Promise<string | undefined> {
    return contentOf(channel) === "value"
      ? ((await this.client.get(this.names.last(channel))) ?? undefined)
      : undefined;
  }

  /** Goes through all keys of the namespace, so it takes longer the more there are. */
  async channels(): Promise<string[]> {
    const nodes = this.client instanceof Cluster ? this.client.nodes("master") : [this.client];
    const channels = new Set<string>();
    for (const pattern of this.names.valuePatterns) {
      for (const keys of await Promise.all(nodes.map((node) => keysOf(node, pattern)))) {
        for (const key of keys) {
          const channel = this.names.channelOfKey(key);
          if (channel !== undefined) channels.add(channel);
        }
      }
    }
    return [...channels].sort();
  }

  private async events(channel: string): Promise<LastValue | undefined> {
    const increments = placed(await this.client.lrange(this.names.events(channel), -mostEvents, -1));
    const newest = increments.at(-1);
    return newest && { epoch: newest.epoch, sequence: newest.sequence, payload: "", increments };
  }

  private async book(channel: string): Promise<LastValue | undefined> {
    const answers = await this.client
      .multi()
      .get(this.names.last(channel))
      .lrange(this.names.increments(channel), 0, -1)
      .getBuffer(this.names.position(channel))
      .exec();
    const [payload, texts, position] = (answers ?? []).map(([error, answer]) => {
      if (error) throw error;
      return answer;
    }) as [string | null, string[], Buffer | null];
    const last = lastOf(payload, placed(texts));
    if (last === undefined || !isUnbroken(last, last.increments)) return undefined;
    const end = last.increments.at(-1) ?? last;
    // a list that Redis has lost, or a part of it, makes the book one with a hole
    const whole = positionBytes({
      epoch: end.epoch,
      sequence: end.sequence,
      increments: last.increments.length,
      valueEpoch: last.epoch,
      valueSequence: last.sequence,
    });
    return (position === null ? end === last : whole.equals(position)) ? last : undefined;
  }
}

function lastOf(payload: string | null, increments: LastValue["increments"]): LastValue | undefined {
  const position = payload === null ? undefined : positionOf(payload);
  return position && { ...position, payload: payload!, increments };
}

function placed(payloads: readonly string[]): { epoch: number; sequence: number; payload: string }[] {
  return payloads.flatMap((payload) => {
    const position = positionOf(payload);
    return position === undefined ? [] : [{ ...position, payload }];
  });
}

async function keysOf(node: Redis, pattern: string): Promise<string[]> {
  const found: string[] = [];
  let cursor = "0";
  do {
    const [next, keys] = await node.scan(cursor, "MATCH", pattern, "COUNT", keysAtOnce);
    cursor = next;
    found.push(...keys);
  } while (cursor !== "0");
  return found;
}
