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

/** Nobody answers where Redis should be: start it, or mend bus.redis. */
export class RedisUnavailable extends PlantError {
  constructor(place: string, cause: unknown) {
    const why = cause instanceof Error ? ` (${cause.message})` : "";
    super("TP_REDIS_UNAVAILABLE", `Redis at ${place} does not answer${why}: start it, or mend bus.redis`, { cause });
  }
}
