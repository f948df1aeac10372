import { PlantError } from "../../../infra/errors.js";

/** An update of Pyth is not what its format says, or does not prove what it claims; it is kept in market.dlq. */
export class PythUnreadable extends PlantError {
  constructor(why: string) {
    super("TP_PYTH_UNREADABLE", `an update of Pyth can not be used: ${why}`);
  }
}

/**
 * A Hermes server answers with an error. 401 is its word for a key that is missing or wrong; 404 names feeds that it does not
 * know, 403 is for feeds that the key has no right to.
 */
export class HermesRefused extends PlantError {
  constructor(
    server: string,
    readonly status: number,
    readonly answer: string,
    redirectedFrom?: string,
  ) {
    const moved =
      redirectedFrom === undefined ? "" : ` (redirected from ${redirectedFrom}, without the key: set \`url\`)`;
    super("TP_HERMES_REFUSED", `${server} answers ${status}${moved}: ${answer.slice(0, 500) || "nothing"}`);
  }

  /** Feeds that it says it does not know, hexadecimal without 0x. */
  get unknownFeeds(): string[] {
    // pyth-crosschain, `RestError::PriceIdsNotFound` of apps/hermes/server/src/api/rest.rs (2026)
    if (this.status !== 404 || !/price ids not found/i.test(this.answer)) return [];
    return [...this.answer.matchAll(/\b(?:0x)?([0-9a-fA-F]{64})\b/g)].map(([, id]) => id!.toLowerCase());
  }

  /** Whether it is about what was asked for, not about who asks or when. */
  get isAboutFeeds(): boolean {
    return [400, 403, 404, 422].includes(this.status);
  }
}
