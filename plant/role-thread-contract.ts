import type { MessagePort } from "node:worker_threads";
import type { PlantConfig } from "../infra/config/plant-config.js";
import type { HeldCondition } from "../infra/health.js";
import type { StorePlace } from "./store-place.js";

/** What a role's thread is given at its start. */
export interface RoleThreadData {
  readonly role: "process" | "sink" | "push";
  readonly config: PlantConfig;
  /** The way to the bus; for processors. */
  readonly busPort?: MessagePort;
  /** The other ends of such ways: the hub of the embedded bus lies in the thread of push. */
  readonly hubPorts?: readonly MessagePort[];
  /** Where history is; for sink and push. */
  readonly store?: StorePlace;
  /** Whether `POST /v1/ingest` is a path of REST; for push. */
  readonly endpoint?: boolean;
}

export type ToRoleThread =
  | { readonly ask: "metrics"; readonly id: number }
  /** How many records wait for the role. */
  | { readonly ask: "lag"; readonly id: number }
  | { readonly ask: "stop" }
  | { readonly say: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly say: "refusal"; readonly id: number; readonly refusal: Refusal };

export type FromRoleThread =
  | { readonly say: "ready"; readonly addresses?: PushAddresses }
  | { readonly say: "failed"; readonly message: string; readonly code?: `TP_${string}` | undefined }
  | { readonly say: "stopped" }
  /** Comes every half second: how the role is, and a sign that it runs. */
  | { readonly say: "health"; readonly conditions: readonly HeldCondition[] }
  | { readonly say: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly ask: "host"; readonly id: number; readonly question: HostQuestion };

/** What push serves and only the rest of the plant knows. */
export type HostQuestion =
  | { readonly of: "readiness" }
  /** prom-client's JSON of the main thread and of every other role's. */
  | { readonly of: "metrics" }
  /** The lines of a request to `POST /v1/ingest` whose key was found right. */
  | { readonly of: "intake"; readonly writer: string; readonly body: string };

/** An error on its way between threads. */
export interface Refusal {
  readonly message: string;
  readonly code?: `TP_${string}` | undefined;
  readonly status?: number | undefined;
  readonly retryAfter?: number | undefined;
}

export interface PushAddresses {
  readonly restUrl: string;
  readonly webSocketUrl: string;
}
