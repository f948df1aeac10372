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
