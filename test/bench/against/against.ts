import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Build, buildOfCommit, copyOf } from "./build-of-commit.js";
import { type MedianInterval, medianInterval } from "./interval.js";
import { type Result, type Workload, workloads } from "./workloads.js";

/** The least number of turns whose medians are quoted. */
export const fewestTurns = 21;
/** How much worse than what the A/A run shows of itself counts as worse. */
const tolerance = 0.03;

export interface Comparison {
  readonly workload: string;
  readonly measure: "core seconds" | "peak MiB";
  readonly before: number;
  readonly after: number;
  /** After to before, turn by turn. */
  readonly ratio: MedianInterval;
  /** A second copy of the commit's build to the first, in the same turns: what the machine's noise makes of equality. */
  readonly noise: MedianInterval;
  readonly worse: boolean;
}

export interface Against {
  readonly root: string;
  readonly commit: string;
  readonly turns: number;
  /** A workload's name; all without. */
  readonly only?: string;
}

/**
 * Holds this checkout's build against a commit's: both, and a copy of the commit's, do the same work in turn.
 *
 * @throws Error when the commit does not build or a run fails
 */
export async function against({ root, commit, turns, only }: Against): Promise<Comparison[]> {
  const folder = mkdtempSync(join(tmpdir(), "tickplant-against-"));
  try {
    console.log(`building ${commit} …`);
    const before = buildOfCommit(root, commit, join(folder, "before"));
    const builds = [before, { folder: root, name: "this checkout" }, copyOf(before, join(folder, "again"))];
    console.log(`against ${before.name}: ${turns} turns of three runs, processor time of all processes`);
    const found: Comparison[] = [];
    for (const workload of workloads) {
      if (only !== undefined && only !== workload.name) continue;
      const comparisons = await compare(workload, builds, turns, folder);
      for (const line of comparisons.flatMap(linesOf)) console.log(line);
      found.push(...comparisons);
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compare(workload: Workload, builds: readonly Build[], turns: number, folder: string) {
  console.log(`\n${workload.name}: ${workload.about}`);
  const results: Result[][] = builds.map(() => []);
  for (let turn = -1; turn < turns; turn++) {
    for (let step = 0; step < builds.length; step++) {
      // each build comes first, second and last equally often
      const at = (step + turn + builds.length) % builds.length;
      const result = await runOnce(workload, builds[at]!, folder);
      if (turn >= 0) results[at]!.push(result);
    }
  }
  const [before, after] = results.map((each) => each[0]?.digest);
  if (before !== undefined) console.log(`    outputs are ${before === after ? "the same" : "different"}`);
  return [
    comparison(
      workload.name,
      "core seconds",
      results.map((each) => each.map(({ coreSeconds }) => coreSeconds)),
    ),
    comparison(
      workload.name,
      "peak MiB",
      results.map((each) => each.map(({ peakMiB }) => peakMiB)),
    ),
  ];
}

async function runOnce(workload: Workload, build: Build, folder: string): Promise<Result> {
  const own = join(folder, "run");
  mkdirSync(own);
  try {
    return await workload.run(build, own);
  } finally {
    rmSync(own, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

function comparison(workload: string, measure: Comparison["measure"], values: readonly number[][]): Comparison {
  const [before, after, again] = values as [number[], number[], number[]];
  const ratio = medianInterval(after.map((value, turn) => value / before[turn]!));
  const noise = medianInterval(again.map((value, turn) => value / before[turn]!));
  const worse = ratio.median > noise.high + tolerance;
  const middle = (each: readonly number[]) => medianInterval(each).median;
  return { workload, measure, before: middle(before), after: middle(after), ratio, noise, worse };
}

function linesOf({ measure, before, after, ratio, noise, worse }: Comparison): string[] {
  const words = ({ median, low, high }: MedianInterval) =>
    `${median.toFixed(3)} (95 %: ${low.toFixed(3)} to ${high.toFixed(3)})`;
  return [
    `    ${measure}: ${before.toFixed(2)} before, ${after.toFixed(2)} now, ratio ${words(ratio)}`,
    `        A/A ${words(noise)}: ${worse ? "WORSE" : `no worse than ${tolerance * 100} % beyond it`}`,
  ];
}
