import { setTimeout as wait } from "node:timers/promises";
import { Redis } from "ioredis";
import { type RedisHandle, startSentinel } from "../../scripts/services/redis.mjs";

/** Three sentinels that know of each other and of the replica, by which they may fail over. */
export async function startSentinels(name: string, primary: number, downMs = 1000): Promise<RedisHandle[]> {
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel({ name, primary, quorum: 2, downMs })));
  for (const { port } of sentinels) {
    const client = new Redis(port, "127.0.0.1");
    for (;;) {
      const fields = (await client.call("SENTINEL", "MASTER", name)) as string[];
      const field = (key: string) => fields[fields.indexOf(key) + 1];
      if (field("num-other-sentinels") === "2" && field("num-slaves") === "1") break;
      await wait(50);
    }
    client.disconnect();
  }
  return sentinels;
}
