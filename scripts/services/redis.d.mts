import type { ServiceHandle } from "./service-handle.mjs";

export interface RedisOptions {
  readonly port?: number | undefined;
  /** A temporary folder when missing. */
  readonly folder?: string | undefined;
  /** Further arguments of redis-server. */
  readonly args?: readonly string[];
}

export interface RedisHandle extends ServiceHandle {
  readonly port: number;
  /** host:port */
  readonly address: string;
}

export function ensureRedis(): Promise<string>;
export function startRedis(options?: RedisOptions): Promise<RedisHandle>;
export function startSentinel(options: {
  readonly name: string;
  readonly primary: number;
  readonly quorum: number;
  readonly downMs: number;
  readonly lines?: readonly string[];
}): Promise<RedisHandle>;
export function redisAnswers(address: string): Promise<boolean>;
