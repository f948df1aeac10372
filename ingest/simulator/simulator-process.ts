import { runSimulators, type SimulatorCommand } from "./main.js";

/**
 * Entry of a child process: `node simulator-process.js '[{"dialect":"spot","port":0}, …]'`. Sends the list of
 * SimulatorReady to its parent (or prints it as one JSON line), and ends with its parent or at SIGTERM.
 */
const commands = JSON.parse(process.argv[2] ?? "[{}]") as SimulatorCommand[];
const { ready, stop } = await runSimulators(commands);

const end = async () => {
  await stop();
  process.exit(0);
};
process.once("SIGTERM", end);
process.once("SIGINT", end);
process.once("disconnect", end);

if (process.send) process.send(ready);
else process.stdout.write(`${JSON.stringify(ready)}\n`);
