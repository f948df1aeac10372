import { PlantError } from "../errors.js";

/** The hub, or this end of the port to it, is closed. */
export class BusClosed extends PlantError {
  constructor() {
    super(
      "TP_BUS_CLOSED",
      "the bus is closed: its hub's thread has ended or is ending, start the role again with the plant",
    );
  }
}
