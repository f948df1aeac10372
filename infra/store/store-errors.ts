import { PlantError } from "../errors.js";

/** The store does not answer, or not now: try again later, nothing was lost. */
export class StoreUnavailable extends PlantError {
  constructor(message: string, options?: { cause?: unknown }) {
    super("TP_STORE_UNAVAILABLE", message, options);
  }
}

/** The store will never take this: the message says which value or statement and why. Mend that; a repeat is refused too. */
export class StoreRefused extends PlantError {
  constructor(
    message: string,
    /** Index in the batch of the row that does not fit, where it is known before the store is asked. */
    readonly row?: number,
    options?: { cause?: unknown },
  ) {
    super("TP_STORE_REFUSED", message, options);
  }
}

/** A migration that has been applied reads otherwise now. */
export class MigrationChanged extends PlantError {
  constructor(number: number, name: string) {
    super(
      "TP_MIGRATION_CHANGED",
      `migration ${number} (${name}) differs from the one that was applied: restore its text and put the change into a new migration`,
    );
  }
}
