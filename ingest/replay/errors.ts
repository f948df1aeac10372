import { PlantError } from "../../infra/errors.js";

/** A file of a recording can not be opened or read, or nothing tells its format: name it with `--format`. */
export class RecordingUnreadable extends PlantError {
  constructor(file: string, why: string, options?: { cause?: unknown }) {
    super("TP_RECORDING_UNREADABLE", `${file}: ${why}`, options);
  }
}

/** Neither the recording nor the command says which venue the frames are from. */
export class VenueUnsaid extends PlantError {
  constructor(file: string, format: string) {
    super("TP_REPLAY_VENUE_UNSAID", `${file}: format ${format} does not say its venue; name it with --venue`);
  }
}

/** The frames of a recording are of an exchange that none of the plant's readers knows. */
export class VenueNotReplayed extends PlantError {
  constructor(venue: string, natives: readonly string[], throughCcxt: readonly string[]) {
    super(
      "TP_REPLAY_VENUE_UNKNOWN",
      `Nothing here reads frames of "${venue}". Recordings replay of ${natives.join(", ")}, and through ccxt of ${throughCcxt.join(", ")}.`,
    );
  }
}

/** A file of a pool's logs does not say what pool it is, or the plant does not know its tokens: name them with `--pool`. */
export class PoolUnknown extends PlantError {
  constructor(file: string, why: string) {
    super(
      "TP_REPLAY_POOL_UNKNOWN",
      `${file}: ${why}; name its tokens in the pool's order, with their decimals, and its fee in millionths, e.g. --pool USDC:6,WETH:18,500`,
    );
  }
}

/** An option of `tickplant replay` makes no sense; the message says what it takes. */
export class ReplaySettingInvalid extends PlantError {
  constructor(why: string) {
    super("TP_REPLAY_SETTING", why);
  }
}

/** One line can not be read. It is counted and reported with its file and number, and the replay goes on (exit code 2). */
export class BadLine extends PlantError {
  /** Whose line it is, where the line itself says so; else "". */
  readonly venue: string;

  constructor(why: string, options: { readonly cause?: unknown; readonly venue?: string } = {}) {
    super("TP_RECORDING_LINE", why, options);
    this.venue = options.venue ?? "";
  }
}
