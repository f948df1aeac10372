import { PlantError } from "../errors.js";

/** A topic or partition that does not exist. */
export class UnknownTopic extends PlantError {
  constructor(topic: string, partition?: number) {
    super(
      "TP_TOPIC_UNKNOWN",
      partition === undefined
        ? `topic ${topic} does not exist: create it first, \`tickplant topics\` lists what there is`
        : `topic ${topic} has no partition ${partition}: raise its partitions or mend the record's partition`,
    );
  }
}

/** A read outside of what the partition holds. */
export class OffsetOutOfRange extends PlantError {
  constructor(topic: string, partition: number, offset: number, start: number, end: number) {
    super(
      "TP_OFFSET_OUT_OF_RANGE",
      `offset ${offset} of ${topic}/${partition} is outside of ${start} to ${end}: go on from a retained offset`,
    );
  }
}

/** A newer writer of the same id was opened: the task is somebody else's now. */
export class Fenced extends PlantError {
  constructor(writer: string) {
    super(
      "TP_WRITER_FENCED",
      `a newer writer "${writer}" was opened: stop this one's task, its work goes on there; do not open it again`,
    );
  }
}

/** No room: the disk is full, or the log's own bound is reached. Nothing of the partition's part was appended. */
export class LogFull extends PlantError {
  constructor(place: string, detail: string, cause?: unknown) {
    super(
      "TP_LOG_FULL",
      `no room to append to ${place} (${detail}): free disk space or lower the retention, it goes on then`,
      {
        cause,
      },
    );
  }
}

/** Another thread or process that lives is the writer. */
export class LogLocked extends PlantError {
  constructor(place: string, owner: string) {
    super(
      "TP_LOG_LOCKED",
      `${place} is written by ${owner}: one writer at a time, stop that one or use another folder`,
    );
  }
}

/** The log was used after its end. */
export class LogClosed extends PlantError {
  constructor(folder: string) {
    super("TP_LOG_CLOSED", `the log in ${folder} was closed: open it again to go on`);
  }
}
