import { RecordingUnreadable } from "./errors.js";
import { formatNames, type RecordingFormat, recordingFormats } from "./recording-format.js";
import { readLines } from "./text-lines.js";

/** A file may begin with remarks or a few damaged lines. */
const LINES_LOOKED_AT = 20;

/**
 * The format of a file; undefined of an empty one, which has none.
 *
 * @param name a format's name, or `auto`: told from the file's first lines
 * @throws RecordingUnreadable when it can not be opened or is none of the known formats
 */
export async function formatOf(file: string, name: string): Promise<RecordingFormat | undefined> {
  const named = recordingFormats.find((format) => format.name === name);
  if (named !== undefined) return named;
  if (name !== "auto") {
    throw new RecordingUnreadable(file, `there is no format "${name}"; known are auto, ${formatNames.join(", ")}`);
  }
  let looked = 0;
  for await (const { lines } of readLines(file, () => {})) {
    for (const line of lines) {
      const format = recordingFormats.find((candidate) => candidate.recognises(line));
      if (format !== undefined) return format;
      if (++looked >= LINES_LOOKED_AT) break;
    }
    if (looked >= LINES_LOOKED_AT) break;
  }
  if (looked === 0) return undefined;
  const why = `its first lines are of no known format; name it with --format (${formatNames.join(", ")})`;
  throw new RecordingUnreadable(file, why);
}
