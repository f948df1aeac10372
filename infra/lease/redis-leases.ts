import type { RedisClient, RedisConnection } from "../redis/connection.js";
import type { WriteState } from "../redis/write-state.js";
import { keepScript, noteScript, releaseScript } from "./lease-script.js";

/** One name's lease as the store answers it. */
export interface LeaseAnswer {
  /** Grows with every change of hands; 0 while the name is somebody else's. */
  readonly token: number;
  /** What the last holder said of how far it came; "" when nobody did. */
  readonly progress: string;
}

export interface LeaseRequest {
  readonly name: string;
  /** Whether the owner holds it by its own clock. */
  readonly isHeld: boolean;
  /** How far it has come; "" when not known. */
  readonly progress: string;
}

export interface LeaseAnswers {
  /** In the order of the requests. */
  readonly answers: readonly LeaseAnswer[];
  /** Why a free name could not be taken, though what is held was renewed; undefined when nothing was refused. */
  readonly refused: Error | undefined;
}

/** Where leases are kept. */
export interface Leases {
  /**
   * Renews what this owner has and takes what is free. Where the store may have lost leases, who holds a name by its own
   * clock has it again at once, and all others once a lease's time is over.
   *
   * @throws Error when nothing could be kept
   */
  keep(owner: string, ttlMs: number, asked: readonly LeaseRequest[]): Promise<LeaseAnswers>;
  release(owner: string, names: readonly string[], progress: readonly string[]): Promise<void>;
  /** Keeps what the holder of a name wants the next one to know. @returns whether this owner still holds the name */
  note(owner: string, name: string, text: string): Promise<boolean>;
  /** What the holder of the name noted last, whoever it was. */
  noted(name: string): Promise<string | undefined>;
  /** How the connection to the store is. */
  readonly state: WriteState;
}

interface Scripted {
  tickplantKeep(keys: number, ...values: (string | number)[]): Promise<(number | string)[]>;
  tickplantRelease(keys: number, ...values: (string | number)[]): Promise<unknown>;
  tickplantNote(keys: number, ...values: string[]): Promise<unknown>;
}

/** Leases in Redis: all in one slot, so that one call keeps all of them. */
export class RedisLeases implements Leases {
  private readonly client: RedisClient;

  constructor(
    private readonly connection: RedisConnection,
    private readonly namespace: string,
  ) {
    const { client } = connection;
    this.client = client;
    client.defineCommand("tickplantKeep", { lua: keepScript });
    client.defineCommand("tickplantRelease", { lua: releaseScript });
    client.defineCommand("tickplantNote", { lua: noteScript });
  }

  get state(): WriteState {
    return this.connection.state;
  }

  async keep(owner: string, ttlMs: number, asked: readonly LeaseRequest[]): Promise<LeaseAnswers> {
    const keys = [`lease-history:${this.#tag}`, ...this.#keys(asked.map(({ name }) => name))];
    const said = asked.flatMap(({ isHeld, progress }) => [isHeld ? 1 : 0, progress]);
    const scripted = this.client as unknown as Scripted;
    const [refused, ...answer] = await scripted.tickplantKeep(keys.length, ...keys, owner, ttlMs, ...said);
    const answers = asked.map((_, i) => ({ token: Number(answer[2 * i]), progress: String(answer[2 * i + 1]) }));
    return { answers, refused: refused === "" ? undefined : new Error(String(refused)) };
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
