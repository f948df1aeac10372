import { existsSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

const above = dirname(dirname(fileURLToPath(import.meta.url)));
/** Compiled code lies in dist, one folder deeper. */
const root = above.endsWith(`${sep}dist`) ? dirname(above) : above;

/** The folder of recorded market data; TICKPLANT_DATA, by default ../shared/data beside the project. */
export const recordings = process.env.TICKPLANT_DATA ?? join(root, "..", "shared", "data");

/** Path of one recording. @throws when it is missing: a test never passes for want of its data */
export function recording(name: string): string {
  const path = join(recordings, name);
  if (!existsSync(path)) {
    throw new Error(`recording ${name} is missing below ${recordings}: set TICKPLANT_DATA to the folder that has it`);
  }
  return path;
}
