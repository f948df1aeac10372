import type { ErrorCode } from "./protocol.js";

/** Refused channels of one request that are told one by one; of the others the client learns how many. */
const mostTold = 10;
/** Characters of a name that come back. */
const echoed = 160;

interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly channel: string;
}

/** The channels of a request that are refused: all are counted, the first ones are told. */
export class Refusals {
  readonly told: Refusal[] = [];
  readonly codes = new Map<ErrorCode, number>();
  omitted = 0;

  /** @param message  asked for only of those that are told */
  add(code: ErrorCode, message: () => string, name: string): void {
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
    if (this.told.length < mostTold) this.told.push({ code, message: message(), channel: name.slice(0, echoed) });
    else this.omitted++;
  }
}
