import type { ServiceHandle } from "./service-handle.mjs";

export interface RegistryOptions {
  readonly port?: number | undefined;
  /** A temporary folder when missing. */
  readonly folder?: string | undefined;
  /** Its code is compiled thoroughly, as in production, which costs time at the start. */
  readonly isMeasured?: boolean;
}

export interface RegistryHandle extends ServiceHandle {
  /** Base URL of the Confluent-compatible interface. */
  readonly url: string;
}

export function ensureRegistry(): Promise<string>;
export function startRegistry(options?: RegistryOptions): Promise<RegistryHandle>;
export function registryAnswers(url: string): Promise<boolean>;
