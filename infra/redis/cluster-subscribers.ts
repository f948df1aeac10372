import type { Cluster, Redis } from "ioredis";

/** What ioredis 6.0.0 keeps of its connections for sharded pub/sub, and shows nobody. */
interface Hidden {
  readonly shardedSubscribers?: {
    readonly shardedSubscribers: ReadonlyMap<string, { getInstance(): Redis | null }>;
  };
}

/** A cluster client's connections for SSUBSCRIBE: one to each node that has slots with channels. */
export function subscribersOf(client: Cluster): Redis[] {
  const group = (client as unknown as Hidden).shardedSubscribers;
  return [...(group?.shardedSubscribers.values() ?? [])].flatMap((one) => one.getInstance() ?? []);
}
