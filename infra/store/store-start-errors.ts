import { PlantError } from "../errors.js";

/** Another program listens on the store's port. */
export class PortInUse extends PlantError {
  constructor(port: number, setting: string) {
    super(
      "TP_PORT_IN_USE",
      `port ${port} of the embedded store is in use: end the program on it, or change ${setting}`,
    );
  }
}

/**
 * The child that holds chDB can not start. The message says why; what the engine itself said stands in the plant's log.
 * A folder that another process holds is free again when that one has ended; one that chDB can not read is restored from
 * a backup, or moved away: what the log still holds is then not in the new store.
 */
export class StoreNotStarted extends PlantError {
  constructor(message: string) {
    super("TP_STORE_NOT_STARTED", message);
  }
}
