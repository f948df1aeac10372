import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { against, fewestTurns } from "./against/against.js";
import { workloads } from "./against/workloads.js";
import type { Figure } from "./figure.js";
import { linesOf } from "./figure.js";
import { hottestIn } from "./profile.js";
import { subjects } from "./subjects.js";

interface BenchOptions {
  readonly json?: string;
  readonly only?: string;
  readonly profile?: boolean;
  readonly against?: string;
  readonly turns: string;
}

/** Each subject runs in a process of its own, so that none is slowed or sped by what another taught the engine. */
const ofChild = process.env.TICKPLANT_BENCH_SUBJECT;
if (ofChild === undefined) await runAll();
else await runChild(ofChild);

async function runChild(subject: string): Promise<void> {
  try {
    process.send!(await subjects[subject]!());
  } catch (error) {
    console.error(`${subject}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
    process.disconnect();
  }
}

async function runAll(): Promise<void> {
  const names = Object.keys(subjects);
  const jobs = workloads.map(({ name }) => name);
  const command = new Command("bench")
    .description("Measures the plant, each figure beside a floor of the same run.")
    .option("--json <file>", "write the figures there, too")
    .option("--only <name>", `one subject: ${names.join(", ")}; with --against one of ${jobs.join(", ")}`)
    .option("--profile", "show the functions that took the most time, beside each subject")
    .option("--against <commit>", "build that commit and let both do the same work in turn")
    .option("--turns <count>", "with --against: how often", String(fewestTurns));
  const options: BenchOptions = command.parse().opts();
  if (options.against !== undefined) return runAgainst(command, options, options.against);
  if (options.only !== undefined && !names.includes(options.only)) {
    command.error(`--only ${options.only}: expected one of ${names.join(", ")}`);
  }
  console.log(machineInWords());
  const figures: Figure[] = [];
  const failed: string[] = [];
  for (const name of options.only === undefined ? names : [options.only]) {
    console.log("");
    const found = await runSubject(name, options.profile === true);
    if (found === undefined) failed.push(name);
    else figures.push(...found);
  }
  if (failed.length > 0) {
    console.log(`\nnot measured: ${failed.join(", ")}`);
    process.exitCode = 1;
  }
  if (figures.length === 0) return;
  const missed = figures.filter(({ goal }) => goal?.reached === false);
  console.log(missed.length === 0 ? "\nno goal is missed" : `\nmissed: ${missed.map(({ name }) => name).join("; ")}`);
  if (options.json !== undefined) {
    const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg()[0] };
    writeFileSync(options.json, `${JSON.stringify({ machine, figures }, null, 2)}\n`);
  }
}

async function runAgainst(command: Command, { only, turns, json }: BenchOptions, commit: string): Promise<void> {
  if (only !== undefined && !workloads.some(({ name }) => name === only)) {
    command.error(`--only ${only}: expected one of ${workloads.map(({ name }) => name).join(", ")}`);
  }
  const count = Number(turns);
  if (!Number.isInteger(count) || count < 1) command.error(`--turns ${turns}: expected a whole number from 1 on`);
  console.log(machineInWords());
  const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
  const comparisons = await against({ root, commit, turns: count, ...(only !== undefined && { only }) });
  if (count < fewestTurns) console.log(`\nfewer than ${fewestTurns} turns: good for a look, not for a claim`);
  if (comparisons.some(({ worse }) => worse)) process.exitCode = 1;
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(comparisons, null, 2)}\n`);
}

function machineInWords(): string {
  return `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}`;
}

/** @returns undefined when the subject failed; it has said why */
async function runSubject(name: string, profiled: boolean): Promise<Figure[] | undefined> {
  const folder = profiled ? mkdtempSync(join(tmpdir(), "tickplant-bench-")) : undefined;
  try {
    const child = fork(fileURLToPath(import.meta.url), [], {
      env: { ...process.env, TICKPLANT_BENCH_SUBJECT: name },
      execArgv: folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${folder}`],
      serialization: "advanced",
    });
    let figures: Figure[] | undefined;
    child.once("message", (message) => {
      figures = message as Figure[];
      for (const figure of figures) console.log(linesOf(figure).join("\n"));
      child.disconnect();
    });
    await new Promise((resolve) => child.once("exit", resolve));
    if (folder !== undefined) for (const line of hottestIn(folder)) console.log(line);
    return figures;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}
