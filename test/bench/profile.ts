import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const SHOWN = 25;

/** The functions with the most time of their own, of each thread's profile in a folder, as lines of text. */
export function hottestIn(folder: string): string[] {
  const lines: string[] = [];
  for (const file of readdirSync(folder)) {
    if (!file.endsWith(".cpuprofile")) continue;
    const profile = JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile;
    lines.push(`  profile ${file}`, ...hottestOf(profile));
  }
  return lines;
}

function hottestOf({ nodes, samples, timeDeltas }: CpuProfile): string[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const own = new Map<string, number>();
  let total = 0;
  for (const [at, id] of samples.entries()) {
    const name = names.get(id)!;
    const spent = timeDeltas[at]!;
    if (name === "(idle)") continue;
    own.set(name, (own.get(name) ?? 0) + spent);
    total += spent;
  }
  return [...own]
    .sort((a, b) => b[1] - a[1])
    .slice(0, SHOWN)
    .map(([name, spent]) => `    ${((100 * spent) / total).toFixed(1).padStart(5)} %  ${name}`);
}

function nameOf({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const file = url.split("/").slice(-2).join("/");
  return url === "" ? functionName : `${functionName || "(anonymous)"} ${file}:${lineNumber + 1}`;
}
