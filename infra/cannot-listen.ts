import { PlantError } from "./errors.js";

/** The port is taken or the address is not this machine's. */
export class CannotListen extends PlantError {
  /** @param setting the configuration's key of the port */
  constructor(what: string, host: string, port: number, setting: string, cause?: unknown) {
    super(
      "TP_CANNOT_LISTEN",
      `${what} can not listen on ${host}:${port}: end the program that has the port, or change ${setting}`,
      { cause },
    );
  }
}
