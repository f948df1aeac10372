import type { Writable } from "node:stream";
import { addRefused, type ReplayReport } from "./replay-report.js";
import { type ReplayOptions, ReplaySource } from "./replay-source.js";
import type { ReplayedOutput, TickTarget } from "./tick-target.js";

const DEAD_LETTERS = "market.dlq";
/** Text gathered before it is written: a write costs more than a line. */
const WRITE_CHARACTERS = 64 * 1024;

/**
 * Runs a recording through connectors and processors in this thread, without a log, and prints every output as a line
 * `{"topic":…,"key":…,"value":{…}}`. The same files and settings give the same bytes. Memory stays bounded: reading
 * waits for `out`. When the reader of a pipe goes away, the replay ends quietly.
 *
 * @param makeTarget makes the processors, which call back with each output in log order
 */
export async function replayToStdout(
  options: ReplayOptions,
  out: Writable,
  makeTarget: (onOutput: (output: ReplayedOutput) => void) => TickTarget,
): Promise<ReplayReport> {
  const printer = new LinePrinter(out);
  const source = new ReplaySource(options);
  const target = makeTarget(({ topic, key, json }) => {
    if (topic === DEAD_LETTERS) addRefused(source.report, JSON.parse(json));
    printer.print(`{"topic":${JSON.stringify(topic)},"key":${JSON.stringify(key)},"value":${json}}\n`);
  });
  try {
    for await (const batch of source.batches()) {
      for (const tick of batch) target.publish(tick);
      await printer.room();
      if (printer.closed) return source.report;
    }
    await target.end?.();
    await printer.flush();
  } finally {
    printer.release();
  }
  return source.report;
}

class LinePrinter {
  closed = false;
  private failure: Error | undefined;
  private text = "";
  private wake: () => void = () => {};
  private readonly onError = (error: Error): void => {
    this.closed = true;
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") this.failure = error;
    this.wake();
  };
  private readonly onDrain = (): void => this.wake();

  constructor(private readonly out: Writable) {
    out.on("error", this.onError);
    out.on("drain", this.onDrain);
  }

  print(line: string): void {
    this.text += line;
    if (this.text.length >= WRITE_CHARACTERS) this.write();
  }

  /** Resolves when `out` can take more. @throws the error of `out`, unless its reader went away */
  async room(): Promise<void> {
    if (this.out.writableNeedDrain && !this.closed) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    if (this.failure !== undefined) throw this.failure;
  }

  async flush(): Promise<void> {
    this.write();
    if (!this.closed) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        this.out.write("", () => resolve());
      });
    }
    if (this.failure !== undefined) throw this.failure;
  }

  release(): void {
    this.out.off("error", this.onError);
    this.out.off("drain", this.onDrain);
  }

  private write(): void {
    if (this.text !== "" && !this.closed) this.out.write(this.text);
    this.text = "";
  }
}
