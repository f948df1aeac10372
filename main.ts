#!/usr/bin/env node
import { Command } from "commander";
import { endWithOutput } from "./commands/closed-output.js";
import { complaintOf } from "./commands/complaint.js";
import { letHeapsGrow } from "./infra/heap-growth.js";
import { version } from "./infra/version.js";

type Add = (program: Command) => void;

const roles = async (): Promise<Add> => (await import("./commands/role.js")).roleCommands;

/** Where each command is; only the one that is asked for is loaded. */
const commands: Readonly<Record<string, () => Promise<Add>>> = {
  start: async () => (await import("./commands/start.js")).startCommand,
  ingest: roles,
  process: roles,
  sink: roles,
  push: roles,
  replay: async () => (await import("./commands/replay.js")).replayCommand,
  record: async () => (await import("./commands/record.js")).recordCommand,
  klines: async () => (await import("./commands/klines.js")).klinesCommand,
  config: async () => (await import("./commands/config.js")).configCommand,
  topics: async () => (await import("./commands/topics.js")).topicsCommand,
  schemas: async () => (await import("./commands/schemas.js")).schemasCommand,
  migrate: async () => (await import("./commands/migrate.js")).migrateCommand,
  dlq: async () => (await import("./commands/dlq.js")).dlqCommand,
  doctor: async () => (await import("./commands/doctor.js")).doctorCommand,
};

letHeapsGrow();
endWithOutput();
const program = new Command("tickplant")
  .description("A market data plant: exchanges in; books, tickers, K-lines and indices out by WebSocket, REST and SQL.")
  .version(version)
  .showHelpAfterError();
const [asked = ""] = process.argv.slice(2);
const wanted = Object.hasOwn(commands, asked) ? [commands[asked]!] : [...new Set(Object.values(commands))];
for (const load of wanted) (await load())(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(complaintOf(error));
  process.exitCode = 1;
}
