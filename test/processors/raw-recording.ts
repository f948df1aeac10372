import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { type ReplayOptions, ReplaySource } from "../../ingest/replay/replay-source.js";
import { defaultSettings, type ProcessSettings } from "../../processors/settings.js";
import type { OutputTopic } from "../../schemas/messages.js";
import { recording } from "../recordings.js";
import { messagesOf, type Output, plant } from "./task-rig.js";

export { messagesOf };

/** What is conflated leaves seldom: a recording's last states are what counts, and quicker to read. */
export const seldom: ProcessSettings = { ...defaultSettings, emissionMs: 10_000, longKlineEmissionMs: 10_000 };

/** Lines of a gzipped recording. */
export function linesOf(name: string): string[] {
  return gunzipSync(readFileSync(recording(name)))
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");
}

/** Rows of a gzipped CSV; the first names the columns. */
export function csvOf(name: string): Record<string, string>[] {
  const [head, ...rows] = linesOf(name).map((line) => line.trimEnd().split(","));
  return rows.map((row) => Object.fromEntries(head!.map((column, at) => [column, row[at]!])));
}

/** What leaves a plant on some topics when a recording is replayed into it. */
export async function replayed(options: ReplayOptions, topics: readonly OutputTopic[], settings?: ProcessSettings) {
  const outputs: Output[] = [];
  const refused: string[] = [];
  const keep = ({ topic, key, value, json }: Output) => {
    if (topics.includes(topic)) outputs.push({ topic, key, value, json });
  };
  const target = plant(keep, settings, refused);
  const source = new ReplaySource(options);
  for await (const batch of source.batches()) for (const tick of batch) target.publish(tick);
  return { outputs, refused, report: source.report };
}
