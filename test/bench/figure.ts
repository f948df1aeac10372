/** A rate beside what was measured in the same run, turn by turn. */
export interface Figure {
  readonly name: string;
  /** What is counted, e.g. `trades`. */
  readonly unit: string;
  /** Median, a second. */
  readonly rate: number;
  readonly floors: readonly Floor[];
  readonly goal?: Goal;
  /** How the outputs were found right; undefined where there is nothing to hold them against. */
  readonly verified?: string;
  /** What was fed, where the name does not say it. */
  readonly about?: string;
}

export interface Floor {
  readonly name: string;
  readonly rate: number;
  /** The figure's rate divided by this one's: the median of all turns' ratios. */
  readonly ratio: number;
}

/** At least so much a second, or at least this share of the first floor. */
export interface Goal {
  readonly text: string;
  readonly reached: boolean;
}

/** A subject's runs: does its work once and says how much it was, and how long that took where not all of it counts. */
export type Run = () => Work | Promise<Work>;

export interface Work {
  readonly count: number;
  /** Milliseconds; without, the whole run's. */
  readonly ms?: number;
}

export interface Subject {
  readonly name: string;
  readonly unit: string;
  readonly run: Run;
  readonly floors: readonly { readonly name: string; readonly run: Run }[];
  readonly repetitions?: number;
  readonly goal?: { readonly rate: number } | { readonly ratio: number };
  readonly verified?: string;
  readonly about?: string;
}

const REPETITIONS = 5;

/**
 * Runs the subject and its floors by turns (A B C A B C …), after a turn that warms them, and takes the medians.
 */
export async function measure(subject: Subject): Promise<Figure> {
  const runs = [subject.run, ...subject.floors.map(({ run }) => run)];
  const rates: number[][] = runs.map(() => []);
  for (let turn = -1; turn < (subject.repetitions ?? REPETITIONS); turn++) {
    for (const [which, run] of runs.entries()) {
      const rate = await timed(run);
      if (turn >= 0) rates[which]!.push(rate);
    }
  }
  return figureOf(subject, rates);
}

async function timed(run: Run): Promise<number> {
  const began = performance.now();
  const { count, ms } = await run();
  return (count / (ms ?? performance.now() - began)) * 1000;
}

function figureOf(subject: Subject, rates: readonly number[][]): Figure {
  const { name, unit, verified, about } = subject;
  const [rate, ...others] = rates.map(median) as [number, ...number[]];
  // turn by turn, since what else runs on the machine comes and goes
  const ratio = (at: number) => median(rates[0]!.map((own, turn) => own / rates[at + 1]![turn]!));
  const floors = subject.floors.map((floor, at) => ({ name: floor.name, rate: others[at]!, ratio: ratio(at) }));
  const goal = goalOf(subject, rate, floors);
  return { name, unit, rate, floors, ...(goal && { goal }), ...(verified && { verified }), ...(about && { about }) };
}

function goalOf({ goal, unit }: Subject, rate: number, floors: readonly Floor[]): Goal | undefined {
  if (goal === undefined) return undefined;
  if ("rate" in goal) return { text: `at least ${inWords(goal.rate)} ${unit}/s`, reached: rate >= goal.rate };
  const [first] = floors;
  return {
    text: `at least ${goal.ratio * 100} % of the floor`,
    reached: first !== undefined && first.ratio >= goal.ratio,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function inWords(rate: number): string {
  return Math.round(rate).toLocaleString("en-US");
}

/** The figure as lines of text: its own first, each floor's below. */
export function linesOf(figure: Figure): string[] {
  const { name, unit, rate, floors, goal, verified, about } = figure;
  const lines = [`${name}: ${inWords(rate)} ${unit}/s`];
  if (about) lines.push(`    ${about}`);
  for (const floor of floors) {
    lines.push(`    floor ${inWords(floor.rate)} (${floor.name}): ratio ${floor.ratio.toFixed(2)}`);
  }
  if (goal) lines.push(`    goal ${goal.text}: ${goal.reached ? "reached" : "MISSED"}`);
  if (verified) lines.push(`    verified: ${verified}`);
  return lines;
}
