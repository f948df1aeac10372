import { type ClickHouseFailure, failure, failureOf, statusOfCode } from "./clickhouse-error.js";
import { StatementRefused } from "./statement-refused.js";

/** A refusal of the front, in ClickHouse's words and with a status of its own. */
export class HttpRefused extends Error {
  constructor(
    readonly status: number,
    readonly code: number,
    readonly codeName: string,
    message: string,
  ) {
    super(message);
  }

  static busy(why: string): HttpRefused {
    return new HttpRefused(503, 202, "TOO_MANY_SIMULTANEOUS_QUERIES", `The store has ${why}`);
  }
}

/** Status and text of what went wrong, in ClickHouse's words. @param version the engine's */
export function toldFailure(error: unknown, version: string): ClickHouseFailure & { readonly status: number } {
  if (error instanceof HttpRefused || error instanceof StatementRefused) {
    const told = failure(error.code, error.codeName, error.message, version);
    return { ...told, status: error instanceof HttpRefused ? error.status : statusOfCode(error.code) };
  }
  const told = failureOf(error, version);
  return { ...told, status: statusOfCode(told.code) };
}
