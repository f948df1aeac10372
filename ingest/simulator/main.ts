import type { DialectName } from "./dialects.js";
import { Simulator, type SimulatorOptions } from "./server.js";

/** What one simulator in a process or thread of its own is told to do. */
export interface SimulatorCommand extends Omit<SimulatorOptions, "dialect"> {
  readonly name?: string;
  readonly dialect?: DialectName;
}

/** Where a simulator can be reached. */
export interface SimulatorReady {
  readonly type: "ready";
  readonly name: string;
  readonly port: number;
  readonly restUrl: string;
  readonly wsUrl: string;
}

/** Starts the simulators, in order, and tells where each listens. If one can not start, none is left running. */
export async function runSimulators(
  commands: readonly SimulatorCommand[],
): Promise<{ ready: SimulatorReady[]; stop: () => Promise<void> }> {
  const running: Simulator[] = [];
  const stop = async () => {
    await Promise.all(running.map((simulator) => simulator.stop()));
  };
  const ready: SimulatorReady[] = [];
  for (const command of commands) {
    const simulator = await Simulator.start(command).catch(async (error: unknown) => {
      await stop();
      throw error;
    });
    running.push(simulator);
    const { port, url: restUrl, wsUrl } = simulator;
    ready.push({ type: "ready", name: command.name ?? command.dialect ?? "spot", port, restUrl, wsUrl });
  }
  return { ready, stop };
}
