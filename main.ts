#!/usr/bin/env node
import { Command } from "commander";
import { endWithOutput } from "./commands/closed-output.js";
import { complaintOf } from "./commands/complaint.js";
import { configCommand } from "./commands/config.js";
import { dlqCommand } from "./commands/dlq.js";
import { doctorCommand } from "./commands/doctor.js";
import { klinesCommand } from "./commands/klines.js";
import { migrateCommand } from "./commands/migrate.js";
import { recordCommand } from "./commands/record.js";
import { replayCommand } from "./commands/replay.js";
import { roleCommands } from "./commands/role.js";
import { schemasCommand } from "./commands/schemas.js";
import { startCommand } from "./commands/start.js";
import { topicsCommand } from "./commands/topics.js";
import { letHeapsGrow } from "./infra/heap-growth.js";
import { version } from "./push/settings.js";

letHeapsGrow();
endWithOutput();
const program = new Command("tickplant")
  .description("A market data plant: exchanges in; books, tickers, K-lines and indices out by WebSocket, REST and SQL.")
  .version(version)
  .showHelpAfterError();
for (const add of [
  startCommand,
  roleCommands,
  replayCommand,
  recordCommand,
  klinesCommand,
  configCommand,
  topicsCommand,
  schemasCommand,
  migrateCommand,
  dlqCommand,
  doctorCommand,
])
  add(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(complaintOf(error));
  process.exitCode = 1;
}
