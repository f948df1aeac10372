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
  /** What is odd with the recording as a whole. */
  warnings: string[];
  /** Records later than `--until`. */
  afterUntil: number;
  firstTime: Micros | undefined;
  lastTime: Micros | undefined;
  /** Time of the end record. */
  endTime: Micros | undefined;
}

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

/** The report as lines for people, on stderr. */
export function reportText(report: ReplayReport): string {
  const lines = report.problems.map(({ file, line, why }) => `${file}:${line}: ${why}`);
  const unshown = report.problemCount - report.problems.length;
  if (unshown > 0) lines.push(`… and ${unshown} more`);
  lines.push(...report.warnings);
  const notes = Object.entries(report.notes).map(([note, count]) => `${count} ${note}`);
  lines.push(
    [
      `${report.files} ${report.files === 1 ? "file" : "files"}, ${report.lines} lines, ${report.frames} frames`,
      ...(notes.length === 0 ? [] : [`(${notes.join(", ")})`]),
      `→ ${report.ticks} ticks;`,
      report.afterUntil === 0 ? "" : `${report.afterUntil} records after the end left out;`,
      report.problemCount === 0 ? "nothing unreadable" : `${report.problemCount} unreadable`,
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
