import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { formatOf } from "../../../ingest/replay/detect-format.js";
import { BadLine } from "../../../ingest/replay/errors.js";
import type { Said } from "../../../ingest/replay/recording-format.js";
import { type ReplayOptions, ReplaySource } from "../../../ingest/replay/replay-source.js";
import { readLines } from "../../../ingest/replay/text-lines.js";
import type { Frame } from "../../../ingest/venue.js";
import type { RawTick } from "../../../schemas/ticks.js";

/** Everything that a file tells through its format's reader. */
export interface Collected {
  format: string;
  frames: { venue: string; frame: Frame }[];
  ticks: RawTick[];
  connections: { venue: string; feed: string; connected: boolean; time: number }[];
  badLines: string[];
  warnings: string[];
}

export async function collect(file: string, options: Said & { format?: string } = {}): Promise<Collected> {
  const format = await formatOf(file, options.format ?? "auto");
  if (format === undefined) throw new Error("the file is empty");
  const reader = format.reader(file, options);
  const found: Collected = {
    format: format.name,
    frames: [],
    ticks: [],
    connections: [],
    badLines: [],
    warnings: [],
  };
  const sink = {
    frame: (venue: string, frame: Frame) => void found.frames.push({ venue, frame }),
    tick: (tick: RawTick) => void found.ticks.push(tick),
    connection: (venue: string, feed: string, connected: boolean, time: number) =>
      void found.connections.push({ venue, feed, connected, time }),
  };
  for await (const { lines, firstNumber } of readLines(file, (why) => found.warnings.push(why))) {
    lines.forEach((line, index) => {
      try {
        if (line !== "") reader.line(line, sink);
      } catch (error) {
        if (!(error instanceof BadLine)) throw error;
        found.badLines.push(`${firstNumber + index}: ${error.message}`);
      }
    });
  }
  return found;
}

/** All ticks of a replay, and its report. */
export async function replayed(options: ReplayOptions) {
  const source = new ReplaySource(options);
  const ticks: RawTick[] = [];
  for await (const batch of source.batches()) ticks.push(...batch);
  return { ticks, report: source.report };
}

export function ofKind<Kind extends RawTick["kind"]>(ticks: readonly RawTick[], kind: Kind) {
  return ticks.filter((tick): tick is Extract<RawTick, { kind: Kind }> => tick.kind === kind);
}

/** A folder that is there for each test and gone after it. */
export function temporaryFolder(): { path(name: string): string } {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tickplant-replay-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  return { path: (name) => join(folder, name) };
}
