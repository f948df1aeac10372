import { isAscii } from "node:buffer";
import { type FileHandle, open } from "node:fs/promises";
import { createGunzip, type Gunzip } from "node:zlib";
import { RecordingUnreadable } from "./errors.js";

/** Lines that follow each other in a file. */
export interface LineBatch {
  readonly lines: readonly string[];
  /** Number of the first of them, counted from 1. */
  readonly firstNumber: number;
}

const READ_BYTES = 64 * 1024;
/** A longer line is no frame: the file is not what it seems, and memory must not grow without end. */
const LONGEST_LINE = 64 * 1024 * 1024;
const NEWLINE = 10;

/**
 * Reads a text file, plain or gzip (told by its first bytes), lazily and within bounded memory. A gzip file that ends
 * early or is damaged gives what can be read before, and a warning.
 *
 * @param warn called with what is wrong with the file's end
 * @throws RecordingUnreadable
 */
export async function* readLines(file: string, warn: (why: string) => void): AsyncGenerator<LineBatch> {
  const handle = await openFile(file);
  try {
    let rest: Buffer[] = [];
    let restBytes = 0;
    let firstNumber = 1;
    let whole = true;
    const cutShort = (why: string): void => {
      whole = false;
      warn(why);
    };
    for await (const bytes of contents(handle, file, cutShort)) {
      const end = bytes.lastIndexOf(NEWLINE);
      if (end < 0) {
        rest.push(bytes);
        restBytes += bytes.length;
        if (restBytes > LONGEST_LINE) throw new RecordingUnreadable(file, `line ${firstNumber} is longer than 64 MiB`);
        continue;
      }
      const head = bytes.subarray(0, end);
      const lines = textOf(rest.length === 0 ? head : Buffer.concat([...rest, head])).split("\n");
      rest = [bytes.subarray(end + 1)];
      restBytes = bytes.length - end - 1;
      yield { lines, firstNumber };
      firstNumber += lines.length;
    }
    const last = textOf(Buffer.concat(rest));
    // What follows the last line break of a file that was cut short is a piece of a line.
    if (whole && last !== "") yield { lines: [last], firstNumber };
  } finally {
    await handle.close();
  }
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, "r");
  } catch (cause) {
    throw new RecordingUnreadable(file, `can not be opened (${(cause as Error).message})`, { cause });
  }
}

/** Plain ASCII, which recordings nearly always are, decodes several times faster as Latin-1. */
function textOf(bytes: Buffer): string {
  return bytes.toString(isAscii(bytes) ? "latin1" : "utf8");
}

async function* contents(handle: FileHandle, file: string, warn: (why: string) => void): AsyncGenerator<Buffer> {
  const first = await readChunk(handle, file);
  if (first[0] === 0x1f && first[1] === 0x8b) {
    yield* unzipped(first, handle, file, warn);
    return;
  }
  const bom = first[0] === 0xef && first[1] === 0xbb && first[2] === 0xbf;
  for (let chunk = bom ? first.subarray(3) : first; chunk.length > 0; chunk = await readChunk(handle, file))
    yield chunk;
}

async function readChunk(handle: FileHandle, file: string): Promise<Buffer> {
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES);
    return buffer.subarray(0, bytesRead);
  } catch (cause) {
    throw new RecordingUnreadable(file, `can not be read (${(cause as Error).message})`, { cause });
  }
}

/**
 * Chunk by chunk through one gunzip, so that everything before a fault comes out: a stream in a pipeline would throw
 * away what it had read but not yet passed on. The next chunk is unzipped (in zlib's own thread) while the last is used.
 */
async function* unzipped(
  first: Buffer,
  handle: FileHandle,
  file: string,
  warn: (why: string) => void,
): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 16 * READ_BYTES });
  let out: Buffer[] = [];
  let failure: Error | undefined;
  gunzip.on("data", (bytes: Buffer) => out.push(bytes));
  gunzip.on("error", (error) => {
    failure = error;
  });
  const unzip = async (chunk: Buffer): Promise<Buffer[] | undefined> => {
    if (failure !== undefined) return undefined;
    await settled(gunzip, chunk);
    const bytes = out;
    out = [];
    return chunk.length > 0 || bytes.length > 0 ? bytes : undefined;
  };
  const next = async (): Promise<Buffer[] | undefined> => unzip(await readChunk(handle, file));
  let coming = unzip(first);
  try {
    for (;;) {
      const bytes = await coming;
      if (bytes === undefined) break;
      coming = gunzip.writableEnded ? Promise.resolve(undefined) : next();
      yield* bytes;
    }
    if (failure !== undefined) warn(faultOf(failure));
  } finally {
    await coming.catch(() => {});
    gunzip.destroy();
  }
}

/** Writes a chunk, or with an empty one ends the stream; resolves when all that comes of it has come out. */
function settled(gunzip: Gunzip, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      gunzip.off("close", done).off("end", done);
      resolve();
    };
    gunzip.once("close", done);
    if (chunk.length > 0) {
      gunzip.write(chunk, done);
      return;
    }
    gunzip.once("end", done);
    gunzip.end();
  });
}

function faultOf(error: Error): string {
  const truncated = (error as NodeJS.ErrnoException).code === "Z_BUF_ERROR";
  return truncated
    ? "the gzip file ends early (a recorder that was killed?); everything up to there was read"
    : `the gzip file is damaged (${error.message}); everything before that was read`;
}
