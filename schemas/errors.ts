/** Base of the plant's errors: a stable code, what happened to what, and what to do. */
export class PlantError extends Error {
  constructor(
    readonly code: `TP_${string}`,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A text is no decimal, or an operation can not be exact. */
export class DecimalError extends PlantError {}

/** A record's bytes are not what its schema says. */
export class UnreadableRecord extends PlantError {
  constructor(what: string, options?: { cause?: unknown }) {
    super("TP_RECORD_UNREADABLE", `${what}: keep its bytes as a dead letter and look at who wrote it`, options);
  }
}

/** A message lacks a field or has one of the wrong type. */
export class UnwritableRecord extends PlantError {
  constructor(what: string, options?: { cause?: unknown }) {
    super("TP_RECORD_UNWRITABLE", `${what}: mend the code that made it`, options);
  }
}

/** A registry, or a codec that was not prepared for it, does not know a schema's id. */
export class UnknownSchema extends PlantError {
  constructor(id: number, advice: string) {
    super("TP_SCHEMA_UNKNOWN", `schema id ${id} is not known: ${advice}`);
  }
}

/** Data written with the subject's newest schema could not be read with this one. */
export class IncompatibleSchema extends PlantError {
  constructor(subject: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(
      "TP_SCHEMA_INCOMPATIBLE",
      `the schema for ${subject} can not read what its newest registered one wrote (${why}): add fields with defaults, remove none that others need, or use a new topic`,
      { cause },
    );
  }
}

/** A role needs the id of a schema that nobody has registered. */
export class SchemaNotRegistered extends PlantError {
  constructor(subject: string) {
    super(
      "TP_SCHEMA_NOT_REGISTERED",
      `the registry does not have this version's schema for ${subject}: run \`tickplant schemas register\` first`,
    );
  }
}

/** The schema registry had to be asked, and did not answer after several tries. */
export class RegistryUnavailable extends PlantError {
  constructor(url: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(
      "TP_REGISTRY_UNAVAILABLE",
      `the schema registry at ${url} does not answer (${why}): start it, or correct registry.url`,
      { cause },
    );
  }
}

/** The schema registry answers and refuses the request itself: no right to it, a wrong address, a read-only mode. */
export class RegistryRefused extends PlantError {
  constructor(url: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(
      "TP_REGISTRY_REFUSED",
      `the schema registry at ${url} refuses (${why}): look at registry.url, user and password, and at what the user may do`,
      { cause },
    );
  }
}
