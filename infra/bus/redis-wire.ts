import { Cluster, type Redis } from "ioredis";
import type { RedisClient } from "../redis/connection.js";
import type { RedisNames } from "./redis-names.js";

/** What a connection for readers tells. */
export interface WireEvents {
  /** @param kind given where the message came because its kind is followed */
  heard(channel: string, payload: string, kind?: string): void;
  /** In a cluster a channel of a followed kind is there. */
  found(channel: string, kind: string): void;
  /** The connection was lost and is back: everything has to be subscribed again. */
  restored(): void;
}

/** Subscribing in Redis' own terms. All promises resolve when Redis has acknowledged, and fail while it is away. */
export interface Wire {
  add(channels: readonly string[]): Promise<void>;
  remove(channels: readonly string[]): Promise<void>;
  addKind(kind: string): Promise<void>;
}

export function wireOf(client: RedisClient, names: RedisNames, events: WireEvents): Wire {
  return client instanceof Cluster ? shardedWire(client, names, events) : plainWire(client, names, events);
}

function plainWire(client: Redis, names: RedisNames, events: WireEvents): Wire {
  const kinds = new Map<string, string>();
  client.on("message", (channel: string, payload: string) => events.heard(names.plain(channel), payload));
  client.on("pmessage", (pattern: string, channel: string, payload: string) => {
    events.heard(names.plain(channel), payload, kinds.get(pattern));
  });
  client.on("ready", () => events.restored());
  return {
    add: async (channels) => {
      await client.subscribe(...channels.map((channel) => names.channel(channel)));
    },
    remove: async (channels) => {
      await client.unsubscribe(...channels.map((channel) => names.channel(channel)));
    },
    addKind: async (kind) => {
      const pattern = names.kindPattern(kind);
      kinds.set(pattern, kind);
      await client.psubscribe(pattern);
    },
  };
}

/** Sharded pub/sub: a channel lives at its slot's node; a kind is the set of its channels and news of further ones. */
function shardedWire(client: Cluster, names: RedisNames, events: WireEvents): Wire {
  const kinds = new Map<string, string>();
  client.on("smessage", (channel: string, payload: string) => {
    const kind = kinds.get(channel);
    if (kind === undefined) events.heard(names.plain(channel), payload);
    else events.found(payload, kind);
  });
  client.on("subscribersReady", () => events.restored());
  return {
    add: async (channels) => {
      await Promise.all(channels.map((channel) => client.ssubscribe(names.channel(channel))));
    },
    remove: async (channels) => {
      await Promise.all(channels.map((channel) => client.sunsubscribe(names.channel(channel))));
    },
    addKind: async (kind) => {
      const control = names.kindChannels(kind);
      kinds.set(control, kind);
      await client.ssubscribe(control);
      for (const channel of await client.smembers(control)) events.found(channel, kind);
    },
  };
}
