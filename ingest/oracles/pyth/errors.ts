import { PlantError } from "../../../infra/errors.js";

/** An update of Pyth is not what its format says, or does not prove what it claims; it is kept in market.dlq. */
export class PythUnreadable extends PlantError {
  constructor(why: string) {
    super("TP_PYTH_UNREADABLE", `an update of Pyth can not be used: ${why}`);
  }
}
