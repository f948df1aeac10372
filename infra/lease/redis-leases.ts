import type { RedisClient } from "../redis-connection.js";
import { keepScript, releaseScript } from "./lease-script.js";

/** One name's lease as the store answers it. */
export interface LeaseAnswer {
  /** Grows with every change of hands; 0 while the name is somebody else's. */
  readonly token: number;
  /** What the last holder said of how far it came; "" when nobody did. */
  readonly progress: string;
}

/** Where leases are kept. */
export interface Leases {
  /**
   * Renews what this owner has and takes what is free.
   *
   * @param mayBegin whether to take names that nobody ever had; who knows their progress may at any time
   */
  keep(
    owner: string,
    ttlMs: number,
    mayBegin: boolean,
    names: readonly string[],
    progress: readonly string[],
  ): Promise<LeaseAnswer[]>;
  release(owner: string, names: readonly string[], progress: readonly string[]): Promise<void>;
}

interface Scripted {
  tickplantKeep(keys: number, ...values: (string | number)[]): Promise<(number | string)[]>;
  tickplantRelease(keys: number, ...values: (string | number)[]): Promise<unknown>;
}

/** Leases in Redis: all in one slot, so that one call keeps all of them. */
export class RedisLeases implements Leases {
  constructor(
    private readonly client: RedisClient,
    private readonly namespace: string,
  ) {
    client.defineCommand("tickplantKeep", { lua: keepScript });
    client.defineCommand("tickplantRelease", { lua: releaseScript });
  }

  async keep(
    owner: string,
    ttlMs: number,
    mayBegin: boolean,
    names: readonly string[],
    progress: readonly string[],
  ): Promise<LeaseAnswer[]> {
    const keys = this.#keys(names);
    const scripted = this.client as unknown as Scripted;
    const answer = await scripted.tickplantKeep(keys.length, ...keys, owner, ttlMs, mayBegin ? 1 : 0, ...progress);
    return names.map((_, i) => ({ token: Number(answer[2 * i]), progress: String(answer[2 * i + 1]) }));
  }

  async release(owner: string, names: readonly string[], progress: readonly string[]): Promise<void> {
    const keys = this.#keys(names);
    await (this.client as unknown as Scripted).tickplantRelease(keys.length, ...keys, owner, ...progress);
  }

  #keys(names: readonly string[]): string[] {
    const tag = `{${this.namespace === "" ? "" : `${this.namespace}.`}ingest}`;
    return names.flatMap((name) => [`lease:${tag}:${name}`, `lease-token:${tag}:${name}`, `progress:${tag}:${name}`]);
  }
}
