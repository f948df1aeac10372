import type { DeadLetter } from "../../schemas/messages.js";
import type { Micros } from "../../schemas/words.js";

/** What a replay read, and what was wrong with it. */
export interface ReplayReport {
  files: number;
  lines: number;
  frames: number;
  /** Raw ticks that were published, heartbeats not counted. */
  ticks: number;
  /** Frames without ticks, by what they were (`ignored`, `refused`, `shutdown`). */
  notes: Record<string, number>;
  /** Lines and frames that could not be read; the first of them are kept. */
  problemCount: number;
  problems: { file: string; line: number; why: string }[];
  /** Ticks that the processors refused, by the reason that their dead letters name. */
  refused: Record<string, Refused>;
  /** What is odd with the recording as a whole. */
  warnings: string[];
  /** Records later than `--until`. */
  afterUntil: number;
  firstTime: Micros | undefined;
  lastTime: Micros | undefined;
  /** Time of the end record. */
  endTime: Micros | undefined;
}

/** What the processors refused for one reason. */
export interface Refused {
  count: number;
  /** The first of them, in words. */
  readonly first: string;
}

/** What comes twice is in the outputs once, so nothing is missing there; recorders that renew a connection write it so. */
const REPEATED = "duplicate";
const PROBLEMS_KEPT = 100;

export function emptyReport(): ReplayReport {
  return {
    files: 0,
    lines: 0,
    frames: 0,
    ticks: 0,
    notes: {},
    problemCount: 0,
    problems: [],
    refused: {},
    warnings: [],
    afterUntil: 0,
    firstTime: undefined,
    lastTime: undefined,
    endTime: undefined,
  };
}

export function addProblem(report: ReplayReport, file: string, line: number, why: string): void {
  report.problemCount += 1;
  if (report.problems.length < PROBLEMS_KEPT) report.problems.push({ file, line, why });
}

/** Counts a letter about a tick; one about a frame or a line is a problem already. */
export function addRefused(report: ReplayReport, letter: Omit<DeadLetter, "original">): void {
  const { reason, exchange, symbol, detail, timestamp, partition } = letter;
  if (partition < 0) return;
  const known = report.refused[reason];
  if (known !== undefined) {
    known.count += 1;
    return;
  }
  const place = exchange === "" ? symbol : `${symbol}@${exchange}`;
  report.refused[reason] = { count: 1, first: `${place} at ${isoTime(timestamp)}: ${detail}` };
}

/** Whether all of the recording is in the outputs: nothing unreadable, nothing refused but repeats. */
export function isComplete({ problemCount, refused }: ReplayReport): boolean {
  return problemCount === 0 && Object.keys(refused).every((reason) => reason === REPEATED);
}

/** The report as lines for people, on stderr. */
export function reportText(report: ReplayReport): string {
  const lines = report.problems.map(({ file, line, why }) => `${file}:${line}: ${why}`);
  const unshown = report.problemCount - report.problems.length;
  if (unshown > 0) lines.push(`… and ${unshown} more`);
  lines.push(...report.warnings);
  const refused = Object.entries(report.refused);
  for (const [reason, { count, first }] of refused) lines.push(`refused as ${reason}: ${count}, the first ${first}`);
  const notes = Object.entries(report.notes).map(([note, count]) => `${count} ${note}`);
  lines.push(
    [
      `${report.files} ${report.files === 1 ? "file" : "files"}, ${report.lines} lines, ${report.frames} frames`,
      ...(notes.length === 0 ? [] : [`(${notes.join(", ")})`]),
      `→ ${report.ticks} ticks;`,
      report.afterUntil === 0 ? "" : `${report.afterUntil} records after the end left out;`,
      report.problemCount === 0 ? "nothing unreadable," : `${report.problemCount} unreadable,`,
      refused.length === 0 ? "nothing refused" : `${refused.reduce((sum, [, { count }]) => sum + count, 0)} refused`,
    ]
      .filter((part) => part !== "")
      .join(" "),
  );
  if (report.firstTime !== undefined && report.endTime !== undefined) {
    lines.push(`from ${isoTime(report.firstTime)} to ${isoTime(report.endTime)}`);
  }
  return `${lines.join("\n")}\n`;
}

function isoTime(time: Micros): string {
  const second = Math.floor(time / 1e6);
  return `${new Date(second * 1000).toISOString().slice(0, 19)}.${String(time - second * 1e6).padStart(6, "0")}Z`;
}
