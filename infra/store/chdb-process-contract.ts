import type { ChdbHttpOptions } from "./chdb-http.js";

/** What the supervisor passes to the child that holds chDB. */
export interface ChdbProcessOptions extends ChdbHttpOptions {
  readonly folder: string;
  readonly port: number;
  /** Where queries go that name no database. */
  readonly database?: string | undefined;
}

/** Options travel in the environment, so that a password never shows in a process list. */
export const optionsVariable = "TICKPLANT_CHDB_OPTIONS";

/** What the child tells its supervisor. */
export type ChdbProcessMessage =
  | { readonly kind: "ready"; readonly port: number }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };
