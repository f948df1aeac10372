import type { ServiceHandle } from "./service-handle.mjs";

export interface KafkaOptions {
  /** TICKPLANT_KAFKA_VERSION, else 3.9.1. */
  readonly version?: string | undefined;
  readonly port?: number | undefined;
  readonly controllerPort?: number | undefined;
  /** A temporary folder when missing. */
  readonly folder?: string | undefined;
  /** Its code is compiled thoroughly, as in production, which costs time at the start. */
  readonly isMeasured?: boolean;
  /** Lines of server.properties that differ. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  /** Users from the beginning, e.g. `SCRAM-SHA-256=[name=plant,password=secret]`. */
  readonly scramUsers?: readonly string[];
  readonly heapMb?: number;
}

export interface KafkaHandle extends ServiceHandle {
  /** host:port */
  readonly brokers: string;
  readonly version: string;
}

export const kafkaVersions: readonly string[];
export function defaultKafkaVersion(): string;
export function ensureKafka(version?: string): Promise<string>;
export function startKafka(options?: KafkaOptions): Promise<KafkaHandle>;

export interface KafkaClusterOptions extends Pick<KafkaOptions, "version" | "properties" | "heapMb"> {
  readonly brokers?: number;
  /** By a broker's id, the port that clients are told to use. */
  readonly advertised?: Readonly<Record<number, number>>;
}

export interface KafkaNodeHandle extends KafkaHandle {
  readonly id: number;
}

export interface KafkaClusterHandle {
  /** host:port of each, in the order of their ids */
  readonly brokers: string[];
  readonly nodes: KafkaNodeHandle[];
  readonly controller: ServiceHandle;
  stop(): Promise<unknown>;
}

export function startKafkaCluster(options?: KafkaClusterOptions): Promise<KafkaClusterHandle>;
