import { type ChildProcess, fork } from "node:child_process";
import type { PlantConfig } from "../infra/config/plant-config.js";
import { entryPoint } from "../infra/entry-point.js";
import { PlantError } from "../infra/errors.js";
import type { SimulatorCommand } from "../ingest/simulator/main.js";

const STOP_DEADLINE_MS = 2_000;

/** The simulated exchanges can not start; most often another program has one of their ports. */
export class SimulatorNotStarted extends PlantError {
  constructor(code: number | null, said: string) {
    super(
      "TP_SIMULATOR_NOT_STARTED",
      `the simulated exchanges ended (code ${code}): ${errorIn(said)}; change simulator.venues[].port where one is in use`,
    );
  }
}

/** Of what a process that died has said, the line that tells why. */
function errorIn(said: string): string {
  const lines = said.split("\n").map((line) => line.trim());
  return lines.find((line) => /^\w*Error: /.test(line)) ?? said.trim();
}

/** The simulated exchanges of the demo, in a child process: strangers to the plant, but for their ports. */
export class Simulators {
  private constructor(readonly child: ChildProcess) {}

  /** @throws SimulatorNotStarted e.g. when a port is taken */
  static async start(config: PlantConfig): Promise<Simulators> {
    const commands = config.simulator.venues.map(
      ({ id, port, dialect, seed, symbols, rate }): SimulatorCommand => ({
        name: id,
        port,
        dialect,
        seed: String(seed),
        commonSeed: "demo",
        symbols,
        rate,
      }),
    );
    const child = fork(entryPoint("ingest/simulator/simulator-process.js"), [JSON.stringify(commands)], {
      execArgv: [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    let said = "";
    child.stderr?.on("data", (text: Buffer) => {
      said = (said + text.toString()).slice(-2_000);
    });
    await new Promise<void>((resolve, reject) => {
      child.once("message", () => resolve());
      child.once("exit", (code) => reject(new SimulatorNotStarted(code, said)));
    });
    return new Simulators(child);
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    const deadline = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
    await ended;
    clearTimeout(deadline);
  }
}
