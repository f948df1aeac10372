import type { RawTick } from "../../schemas/ticks.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import type { NamedPool } from "../dex/known-pools.js";
import type { Frame } from "../venue.js";
import { cryptofeed } from "./formats/cryptofeed.js";
import { cryptofeedV2 } from "./formats/cryptofeed-v2.js";
import { demeterFetch } from "./formats/demeter-fetch.js";
import { hftbacktest } from "./formats/hftbacktest.js";
import { tardis } from "./formats/tardis.js";
import { tickplant } from "./formats/tickplant.js";
import { ticks } from "./formats/ticks.js";

/** What a recording tells, in the order of its lines. */
export interface RecordingSink {
  frame(venue: VenueId, frame: Frame): void;
  /** A tick that was recorded as such, without a venue's frame. */
  tick(tick: RawTick): void;
  /** A connection of the venue came up or went down. @param address of its socket, where the recording has it */
  connection(venue: VenueId, feed: string, connected: boolean, time: Micros, address?: string): void;
}

/** A way in which people write recordings down. */
export interface RecordingFormat {
  readonly name: string;
  /** Whether a file with this line among its first ones is of this format. */
  recognises(line: string): boolean;
  /** A reader for the lines of one file. @param said beside the file */
  reader(file: string, said: Said): RecordingReader;
}

/** What whoever replays says of a recording, where it does not say it itself. */
export interface Said {
  /** The venue; it overrules what the lines say, too. */
  readonly venue?: VenueId;
  /** The tokens and the fee of the pool that the file holds. */
  readonly pool?: NamedPool;
}

export interface RecordingReader {
  /**
   * Reads one line, which is not empty.
   *
   * @throws BadLine
   * @throws VenueUnsaid
   */
  line(text: string, out: RecordingSink): void;
  /** An empty line, where that says something. */
  blank?(out: RecordingSink): void;
}

/** The registry of formats: one line a format. */
export const recordingFormats: readonly RecordingFormat[] = [
  tickplant,
  hftbacktest,
  cryptofeed,
  cryptofeedV2,
  demeterFetch,
  tardis,
  ticks,
];

export const formatNames: readonly string[] = recordingFormats.map(({ name }) => name);
