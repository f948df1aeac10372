import type { ServiceHandle } from "./service-handle.mjs";

export interface RegistryOptions {
  readonly port?: number | undefined;
  /** A temporary folder when missing. */
  readonly folder?: string | undefined;
}

export interface RegistryHandle extends ServiceHandle {
  /** Base URL of the Confluent-compatible interface. */
  readonly url: string;
}

export function ensureRegistry(): Promise<string>;
export function startRegistry(options?: RegistryOptions): Promise<RegistryHandle>;
export function registryAnswers(url: string): Promise<boolean>;
