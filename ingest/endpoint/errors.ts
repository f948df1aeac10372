import { PlantError } from "../../infra/errors.js";

/** A request to `POST /v1/ingest` that is refused as a whole: none of its lines was taken in. */
export class IntakeRefused extends PlantError {
  constructor(
    code: `TP_${string}`,
    message: string,
    readonly status: number,
    /** Seconds after which the same request may be sent again. */
    readonly retryAfter?: number,
  ) {
    super(code, message);
  }
}

export const badKey = (): IntakeRefused =>
  new IntakeRefused("TP_INGEST_KEY", "send a key of ingest.endpoint.keys as `authorization: Bearer KEY`", 401);

export const noLines = (): IntakeRefused =>
  new IntakeRefused("TP_INGEST_EMPTY", "the request has no lines: send a tick a line, as docs/rest.md has them", 400);

export const notText = (): IntakeRefused =>
  new IntakeRefused("TP_INGEST_NOT_TEXT", "the request is not UTF-8: send JSON lines as UTF-8, not compressed", 400);

export const wrongMedia = (): IntakeRefused =>
  new IntakeRefused("TP_INGEST_MEDIA", "send `content-type: application/x-ndjson`, not compressed", 415);

export const tooLarge = (maxBytes: number): IntakeRefused =>
  new IntakeRefused("TP_INGEST_TOO_LARGE", `a request has at most ${maxBytes} bytes: send smaller ones`, 413);

export const tooManyLines = (lines: number, maxLines: number): IntakeRefused =>
  new IntakeRefused("TP_INGEST_TOO_MANY_LINES", `${lines} lines, at most ${maxLines}: send smaller requests`, 413);

export const tooFast = (linesPerSecond: number, retryAfter: number): IntakeRefused =>
  new IntakeRefused(
    "TP_INGEST_RATE",
    `more than ${linesPerSecond} lines a second: try again in ${retryAfter} s`,
    429,
    retryAfter,
  );

export const busy = (): IntakeRefused =>
  new IntakeRefused("TP_INGEST_BUSY", "as many requests as may be are under way: try again in a second", 503, 1);

/** The one refusal after which lines may be in: with ids in the lines, sending again doubles nothing. */
export const unconfirmed = (): IntakeRefused =>
  new IntakeRefused(
    "TP_INGEST_UNCONFIRMED",
    "the log did not confirm in time; lines may be in or not: send all again, repeats of a trade_id are dropped",
    503,
    5,
  );
