import { PlantError } from "../../schemas/errors.js";

/** An answer other than success: status, stable code, and what to change. */
export class RestError extends PlantError {
  constructor(
    readonly status: number,
    code: `TP_${string}`,
    message: string,
    readonly parameter?: string,
    options?: { cause?: unknown },
  ) {
    super(code, message, options);
  }
}

export const badParameter = (parameter: string, message: string): RestError =>
  new RestError(400, "TP_PARAMETER_INVALID", `${parameter}: ${message}`, parameter);

export const unknownSymbol = (symbol: string, exchange: string): RestError =>
  new RestError(404, "TP_SYMBOL_UNKNOWN", `${symbol} of ${exchange} is not known: /v1/instruments lists what is`);
