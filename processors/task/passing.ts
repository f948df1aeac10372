import { LogFull } from "../../infra/log/errors.js";
import { LogUnavailable } from "../../infra/log/kafka/errors.js";

/** The log may take it later: it is full, or away. */
export function isPassing(error: unknown): error is LogFull | LogUnavailable {
  return error instanceof LogFull || error instanceof LogUnavailable;
}
