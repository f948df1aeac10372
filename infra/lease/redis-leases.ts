import type { RedisClient } from "../redis-connection.js";
import { keepScript, noteScript, releaseScript } from "./lease-script.js";

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
  /** Keeps what the holder of a name wants the next one to know. @returns whether this owner still holds the name */
  note(owner: string, name: string, text: string): Promise<boolean>;
  /** What the holder of the name noted last, whoever it was. */
  noted(name: string): Promise<string | undefined>;
}

interface Scripted {
  tickplantKeep(keys: number, ...values: (string | number)[]): Promise<(number | string)[]>;
  tickplantRelease(keys: number, ...values: (string | number)[]): Promise<unknown>;
  tickplantNote(keys: number, ...values: string[]): Promise<unknown>;
}

/** Leases in Redis: all in one slot, so that one call keeps all of them. */
export class RedisLeases implements Leases {
  constructor(
    private readonly client: RedisClient,
    private readonly namespace: string,
  ) {
    client.defineCommand("tickplantKeep", { lua: keepScript });
    client.defineCommand("tickplantRelease", { lua: releaseScript });
    client.defineCommand("tickplantNote", { lua: noteScript });
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

  async note(owner: string, name: string, text: string): Promise<boolean> {
    const keys = [this.#keys([name])[0]!, this.#noteKey(name)];
    return (await (this.client as unknown as Scripted).tickplantNote(keys.length, ...keys, owner, text)) === 1;
  }

  async noted(name: string): Promise<string | undefined> {
    return (await this.client.get(this.#noteKey(name))) ?? undefined;
  }

  #noteKey(name: string): string {
    return `lease-note:${this.#tag}:${name}`;
  }

  get #tag(): string {
    return `{${this.namespace === "" ? "" : `${this.namespace}.`}ingest}`;
  }

  #keys(names: readonly string[]): string[] {
    const tag = this.#tag;
    return names.flatMap((name) => [`lease:${tag}:${name}`, `lease-token:${tag}:${name}`, `progress:${tag}:${name}`]);
  }
}
