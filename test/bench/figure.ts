export type Figure = RateFigure | LatencyFigure;

/** A rate beside what was measured in the same run, turn by turn. */
export interface RateFigure {
  readonly name: string;
  /** What is counted, e.g. `trades`. */
  readonly unit: string;
  /** Median, a second. */
  readonly rate: number;
  /**
   * Median, a second of the process's processor time: what a core does, whatever else runs on the machine. Missing where
   * the work is spread over many processes; ratios are of the rates on the wall then.
   */
  readonly coreRate?: number;
  readonly floors: readonly Floor[];
  readonly goal?: Goal;
  /** How the outputs were found right; undefined where there is nothing to hold them against. */
  readonly verified?: string;
  /** What was fed, where the name does not say it. */
  readonly about?: string;
}

/** How long something took, beside the same way without the plant. Medians of the turns. */
export interface LatencyFigure {
  readonly name: string;
  readonly latency: Latency;
  readonly floor: { readonly name: string; readonly latency: Latency };
  /** To the floor's, the median of all turns' ratios. */
  readonly ratio: Latency;
  readonly goal?: Goal;
  readonly verified?: string;
  readonly about?: string;
}

/** Milliseconds; as a ratio, without a unit. */
export interface Latency {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export interface Floor {
  readonly name: string;
  readonly rate: number;
  readonly coreRate?: number;
  /** The figure's core rate divided by this one's: the median of all turns' ratios. */
  readonly ratio: number;
}

/** At least so much a second or a core's second, or at least this share of the first floor. */
export interface Goal {
  readonly text: string;
  readonly reached: boolean;
}

/** A subject's runs: does its work once and says how much it was, and how long that took where not all of it counts. */
export type Run = () => Work | Promise<Work>;

export interface Work {
  readonly count: number;
  /** What the work took; without, the whole run's time. */
  readonly took?: Stopwatch;
}

/** Time on the wall, and of the processor over all threads of the process. */
export class Stopwatch {
  seconds = 0;
  coreSeconds = 0;
  private began = 0;
  private cpu = process.cpuUsage();

  start(): this {
    this.began = performance.now();
    this.cpu = process.cpuUsage();
    return this;
  }

  stop(): this {
    const { user, system } = process.cpuUsage(this.cpu);
    this.seconds += (performance.now() - this.began) / 1000;
    this.coreSeconds += (user + system) / 1_000_000;
    return this;
  }
}

export interface Subject {
  readonly name: string;
  readonly unit: string;
  readonly run: Run;
  readonly floors: readonly { readonly name: string; readonly run: Run }[];
  readonly repetitions?: number;
  readonly goal?: { readonly rate: number } | { readonly coreRate: number } | { readonly ratio: number };
  readonly verified?: string;
  readonly about?: string;
}

const REPETITIONS = 5;

/**
 * Runs the subject and its floors by turns (A B C A B C …), after a turn that warms them, and takes the medians.
 */
export async function measure(subject: Subject): Promise<RateFigure> {
  const runs = [subject.run, ...subject.floors.map(({ run }) => run)];
  const rates: Rates[][] = runs.map(() => []);
  for (let turn = -1; turn < (subject.repetitions ?? REPETITIONS); turn++) {
    for (const [which, run] of runs.entries()) {
      const one = await ratesOf(run);
      if (turn >= 0) rates[which]!.push(one);
    }
  }
  return figureOf(subject, rates);
}

interface Rates {
  readonly rate: number;
  readonly coreRate: number;
}

async function ratesOf(run: Run): Promise<Rates> {
  const whole = new Stopwatch().start();
  const { count, took = whole.stop() } = await run();
  return { rate: count / took.seconds, coreRate: count / took.coreSeconds };
}

function figureOf(subject: Subject, rates: readonly Rates[][]): RateFigure {
  const { name, unit, verified, about } = subject;
  const [own, ...others] = rates.map((turns) => ({
    rate: median(turns.map(({ rate }) => rate)),
    coreRate: median(turns.map(({ coreRate }) => coreRate)),
  })) as [Rates, ...Rates[]];
  // turn by turn, since what else runs on the machine comes and goes
  const ratio = (at: number) => median(rates[0]!.map((one, turn) => one.coreRate / rates[at + 1]![turn]!.coreRate));
  const floors = subject.floors.map((floor, at) => ({ name: floor.name, ...others[at]!, ratio: ratio(at) }));
  const goal = goalOf(subject, own, floors);
  return { name, unit, ...own, floors, ...(goal && { goal }), ...(verified && { verified }), ...(about && { about }) };
}

function goalOf({ goal, unit }: Subject, own: Rates, floors: readonly Floor[]): Goal | undefined {
  if (goal === undefined) return undefined;
  if ("rate" in goal) return { text: `at least ${inWords(goal.rate)} ${unit}/s`, reached: own.rate >= goal.rate };
  if ("coreRate" in goal) {
    return { text: `at least ${inWords(goal.coreRate)} ${unit}/s of a core`, reached: own.coreRate >= goal.coreRate };
  }
  const [first] = floors;
  const reached = first !== undefined && first.ratio >= goal.ratio;
  return { text: `at least ${goal.ratio * 100} % of the floor`, reached };
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
  const lines = "latency" in figure ? latencyLines(figure) : rateLines(figure);
  const { goal, verified } = figure;
  if (goal) lines.push(`    goal ${goal.text}: ${goal.reached ? "reached" : "MISSED"}`);
  if (verified) lines.push(`    verified: ${verified}`);
  return lines;
}

function rateLines({ name, unit, rate, coreRate, floors, about }: RateFigure): string[] {
  const shown =
    coreRate === undefined
      ? `${inWords(rate)} ${unit}/s on the wall`
      : `${inWords(coreRate)} ${unit}/s of a core (${inWords(rate)} on the wall)`;
  const lines = [`${name}: ${shown}`];
  if (about) lines.push(`    ${about}`);
  for (const floor of floors) {
    lines.push(`    floor ${inWords(floor.coreRate ?? floor.rate)} (${floor.name}): ratio ${floor.ratio.toFixed(2)}`);
  }
  return lines;
}

function latencyLines({ name, latency, floor, ratio, about }: LatencyFigure): string[] {
  const lines = [`${name}: ${latencyInWords(latency, " ms")}`];
  if (about) lines.push(`    ${about}`);
  lines.push(`    floor ${latencyInWords(floor.latency, " ms")} (${floor.name})`, `    ratio ${latencyInWords(ratio)}`);
  return lines;
}

function latencyInWords({ mean, p50, p99, p999 }: Latency, unit = ""): string {
  const [a, b, c, d] = [mean, p50, p99, p999].map((value) => `${value.toFixed(2)}${unit}`);
  return `mean ${a}, p50 ${b}, p99 ${c}, p99.9 ${d}`;
}
