import type { ChdbHttpOptions } from "./chdb-http-options.js";

/** What the supervisor gives the child that holds chDB; it travels by IPC, so that no process list shows a secret. */
export interface ChdbProcessOptions extends ChdbHttpOptions {
  readonly folder: string;
  /** Where queries go that name no database. */
  readonly database: string;
}

export type ToChdbProcess =
  /** Comes with the listening socket: the child itself may have no network. */
  | { readonly ask: "start"; readonly options: ChdbProcessOptions }
  /** Comes with a connection that was accepted before the child had the socket. */
  | { readonly ask: "serve" }
  | { readonly ask: "health"; readonly id: number }
  /** Ends what reads, finishes inserts, closes the engine. */
  | { readonly ask: "stop" };

export type FromChdbProcess =
  | { readonly say: "listening" }
  | { readonly say: "ready" }
  | { readonly say: "failed"; readonly message: string }
  | { readonly say: "healthy"; readonly id: number }
  /** A statement does not end: the child can not go on. */
  | { readonly say: "stuck"; readonly ms: number };
