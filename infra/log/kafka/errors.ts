import { PlantError } from "../../errors.js";

/**
 * The brokers did not take or give it in time. It may have been done all the same: a repeat is harmless, since readers
 * drop what they have seen.
 */
export class LogUnavailable extends PlantError {
  constructor(what: string, cause?: unknown) {
    const why = cause instanceof Error ? ` (${cause.message})` : "";
    super("TP_LOG_UNAVAILABLE", `${what}: the brokers do not answer as they should${why}; it is tried again`, {
      cause,
    });
  }
}

/**
 * The brokers are there, and do not let this plant in: user, password, certificate or the kind of connection is not what
 * they want. Another attempt ends the same way.
 */
export class LogAccessRefused extends PlantError {
  constructor(what: string, why: string, todo: string, cause?: unknown) {
    super("TP_LOG_ACCESS", `${what} lets this plant not in (${why}): ${todo}`, { cause });
  }
}

/** A broker and the plant know no version of a request in common. */
export class VersionsApart extends PlantError {
  constructor(broker: string, request: string, theirs: string, ours: string) {
    super(
      "TP_LOG_VERSION",
      `${broker} takes ${request} in versions ${theirs}, this plant knows ${ours}: run a Kafka from 2.1 to 4.x, or a newer plant`,
    );
  }
}

/** The brokers will never take this record; mend the topic's settings or the record. */
export class LogRefused extends PlantError {
  constructor(place: string, why: string) {
    super("TP_LOG_REFUSED", `a record for ${place} was refused (${why}): mend the topic's settings or the record`);
  }
}

/**
 * A transaction's outcome is unknown and can not be found out. The writer is of no more use; its task is stopped and
 * begun again from the last checkpoint by whoever owns the partition then.
 */
export class WriterLost extends PlantError {
  constructor(writer: string, cause: unknown) {
    const why = cause instanceof Error ? ` (${cause.message})` : "";
    super(
      "TP_WRITER_LOST",
      `what became of a transaction of "${writer}" is not known${why}: stop its task and join the group again`,
      { cause },
    );
  }
}

/** The log holds what this plant can not read: write it in another form, or give the topic to somebody else. */
export class RecordsUnreadable extends PlantError {
  constructor(what: string) {
    super("TP_LOG_UNREADABLE", `the log holds ${what}: change what the topic is written with`);
  }
}

/** A handler worked on one batch for too long: its place goes to another process. */
export class HandlerStalled extends PlantError {
  constructor(place: string, stallMs: number) {
    super(
      "TP_HANDLER_STALLED",
      `a batch of ${place} was not done within ${stallMs} ms (log.kafka.stallMs): the process gives its place up, start it again`,
    );
  }
}
