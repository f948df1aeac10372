import { randomUUID } from "node:crypto";
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import type { Logger } from "../logging.js";
import { Fenced } from "./errors.js";
import { checksumOf, checksumPosition, frameChecksum } from "./frame.js";
import type { LogEnvironment } from "./log-environment.js";
import { logFault } from "./log-fault.js";
import type { HiddenFrame } from "./partition-writer.js";
import { diskFiles, readWhole, writeWhole } from "./segment.js";
import { folderName } from "./topic-catalog.js";

/** A frame that a committed transaction is about to make readable; the path is below the log's folder. */
interface JournalPart {
  readonly path: string;
  readonly position: number;
  readonly length: number;
  readonly checksum: number;
}

/**
 * How frames of several partitions appear together. Each is written with a wrong checksum first, which no reader
 * takes; then the journal names them all in one write: the commit; then the checksums are set right and the journal is
 * emptied. After a crash in between, `recoverTransactions` sets them right. A half-written journal is none.
 */
export class TransactionJournal {
  /** The last transaction is still named here: the next must not be written over it before it is complete. */
  private used = false;
  /** Its frames; those that await being made readable do so for want of room. */
  private last: readonly HiddenFrame[] = [];

  private constructor(
    private readonly writer: string,
    private readonly environment: LogEnvironment,
    private readonly token: string,
    private readonly path: string,
    private readonly file: number,
  ) {}

  /** Opens it for a writer id and fences the older one of that id out. */
  static open(writer: string, environment: LogEnvironment): TransactionJournal {
    const folder = journalFolder(environment.folder);
    try {
      return TransactionJournal.begin(writer, folder, environment);
    } catch (error) {
      throw logFault(error, `the journal of ${writer}`, environment);
    }
  }

  private static begin(writer: string, folder: string, environment: LogEnvironment): TransactionJournal {
    mkdirSync(folder, { recursive: true });
    recoverTransactions(environment.folder, environment.logger);
    const token = randomUUID();
    const fresh = join(folder, `${token}.token`);
    try {
      writeFileSync(fresh, token);
      renameSync(fresh, tokenPath(folder, writer));
    } catch (error) {
      rmSync(fresh, { force: true });
      throw error;
    }
    const ours = `${folderName(writer)}@`;
    for (const name of readdirSync(folder)) if (name.startsWith(ours)) rmSync(join(folder, name), { force: true });
    const path = join(folder, `${ours}${token}.journal`);
    return new TransactionJournal(writer, environment, token, path, environment.files.create(path));
  }

  /** @throws Fenced */
  checkNotFenced(): void {
    if (readFileSync(tokenPath(journalFolder(this.environment.folder), this.writer), "latin1") !== this.token) {
      throw new Fenced(this.writer);
    }
  }

  /** Commits: the frames will be readable together, whatever happens. @throws when nothing was committed */
  prepare(frames: readonly HiddenFrame[]): void {
    const { files, folder, fsync } = this.environment;
    const parts = frames.map(({ path, position, length, checksum }): JournalPart => {
      return { path: relative(folder, path), position, length, checksum };
    });
    if (this.used) this.clear();
    this.used = true;
    try {
      writeWhole(files, this.file, Buffer.from(JSON.stringify({ parts })), 0);
      if (fsync) files.sync(this.file);
    } catch (error) {
      this.clear();
      throw logFault(error, this.name, this.environment);
    }
    this.last = frames;
    this.environment.waits.written(this.name);
  }

  /** What an earlier transaction could not make readable for want of room. @throws LogFull while there is none */
  complete(): void {
    for (const frame of this.last) if (frame.writer.awaits(frame)) frame.writer.reveal(frame);
  }

  /** Makes the committed frames readable. @throws LogFull when that waits for room; `complete` goes on with it */
  finish(frames: readonly HiddenFrame[]): void {
    let fault: unknown;
    for (const frame of frames) {
      try {
        frame.writer.reveal(frame);
      } catch (error) {
        fault ??= error;
      }
    }
    if (fault !== undefined) throw fault;
    try {
      this.clear();
    } catch (error) {
      this.environment.logger.warn(
        { err: error, writer: this.writer },
        "a finished transaction's journal stays for now",
      );
    }
  }

  private clear(): void {
    this.environment.files.truncate(this.file, 0);
    this.used = false;
    this.last = [];
  }

  private get name(): string {
    return `the journal of ${this.writer}`;
  }

  close(): void {
    this.environment.waits.forget(this.name);
    closeSync(this.file);
    // what could not be made readable is named here alone: the next to open the log completes it
    if (this.last.some((frame) => frame.writer.awaits(frame))) return;
    rmSync(this.path, { force: true });
  }
}

/** Completes transactions that were committed when their writer died. Harmless to repeat, whoever writes meanwhile. */
export function recoverTransactions(logFolder: string, logger: Logger): void {
  const folder = journalFolder(logFolder);
  for (const name of namesIn(folder)) {
    if (!name.endsWith(".journal")) continue;
    for (const part of partsOf(join(folder, name))) {
      if (complete(join(logFolder, part.path), part)) {
        logger.info(
          { file: part.path, position: part.position },
          "completed a transaction that a crash had interrupted",
        );
      }
    }
  }
}

function complete(path: string, part: JournalPart): boolean {
  let file: number;
  try {
    file = openSync(path, "r+");
  } catch {
    return false; // dropped by retention or compaction since: it had been completed
  }
  try {
    if (fstatSync(file).size < part.position + part.length) return false;
    const frame = Buffer.allocUnsafe(part.length);
    readWhole(file, frame, part.position);
    if (checksumOf(frame) !== part.checksum || frameChecksum(frame) === part.checksum) return false;
    const checksum = Buffer.allocUnsafe(4);
    checksum.writeUInt32LE(part.checksum);
    writeWhole(diskFiles, file, checksum, part.position + checksumPosition);
    return true;
  } finally {
    closeSync(file);
  }
}

function partsOf(path: string): readonly JournalPart[] {
  try {
    return (JSON.parse(readFileSync(path, "utf8")) as { parts: JournalPart[] }).parts;
  } catch {
    return []; // empty or half-written: not committed
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

const journalFolder = (logFolder: string): string => join(logFolder, "transactions");
const tokenPath = (folder: string, writer: string): string => join(folder, `${folderName(writer)}.writer`);
