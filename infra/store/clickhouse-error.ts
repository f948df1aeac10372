/** An error of the engine in ClickHouse's own words, fit for its HTTP interface. */
export interface ClickHouseFailure {
  /** ClickHouse's error code, e.g. 62 for SYNTAX_ERROR. */
  readonly code: number;
  /** `Code: 62. DB::Exception: …. (SYNTAX_ERROR) (version …)` */
  readonly text: string;
}

const NOT_FOUND = new Set([46, 47, 50, 56, 60, 70, 73, 75, 81, 110, 115, 511]);
const BAD_REQUEST = new Set([
  6, 7, 8, 15, 16, 20, 25, 26, 27, 34, 35, 36, 38, 41, 42, 43, 53, 57, 61, 62, 69, 72, 80, 82, 114, 117, 131, 179, 184,
  190, 215, 321, 386, 407, 427, 436, 441, 456, 457, 467, 471, 675, 676,
]);

/** HTTP status of a ClickHouse error code, as the server's `exceptionCodeToHTTPStatus` gives it. */
export function statusOfCode(code: number): number {
  if (code === 194) return 401;
  if (code === 516 || code === 192 || code === 193 || code === 497) return 403;
  if (NOT_FOUND.has(code)) return 404;
  if (code === 159) return 408;
  if (code === 223) return 413;
  if (code === 48) return 501;
  if (code === 209 || code === 439) return 503;
  return BAD_REQUEST.has(code) ? 400 : 500;
}

/** Reads code and text out of what chDB throws; 1002 (UNKNOWN_EXCEPTION) where it names none. */
export function failureOf(error: unknown, version: string): ClickHouseFailure {
  const message = error instanceof Error ? error.message : String(error);
  const start = message.indexOf("Code: ");
  if (start < 0) return failure(1002, "UNKNOWN_EXCEPTION", message, version);
  const code = Number.parseInt(message.slice(start + 6), 10);
  const suffix = ` (version ${version})`;
  const text = message.slice(start).trimEnd();
  return { code, text: text.endsWith(suffix) ? text : text + suffix };
}

/** An error in ClickHouse's format that the front itself has found. */
export function failure(code: number, name: string, message: string, version: string): ClickHouseFailure {
  return { code, text: `Code: ${code}. DB::Exception: ${message}. (${name}) (version ${version})` };
}
