import type { MessagePort } from "node:worker_threads";
import type { PlantConfig } from "../infra/config/plant-config.js";
import type { StorePlace } from "./parts.js";

/** What a role's thread is given at its start. */
export interface RoleThreadData {
  readonly role: "process" | "sink";
  readonly config: PlantConfig;
  /** The way to the bus; for processors. */
  readonly busPort?: MessagePort;
  /** Where history is; for the sink. */
  readonly store?: StorePlace;
}

export type ToRoleThread =
  | { readonly ask: "metrics"; readonly id: number }
  /** How many records wait for the role. */
  | { readonly ask: "lag"; readonly id: number }
  | { readonly ask: "stop" };

export type FromRoleThread =
  | { readonly say: "ready" }
  | { readonly say: "failed"; readonly message: string }
  | { readonly say: "stopped" }
  | { readonly say: "answer"; readonly id: number; readonly answer: unknown };
