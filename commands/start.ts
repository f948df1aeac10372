import type { Command } from "commander";
import { createLogger } from "../infra/logging.js";
import { type Plant, startPlant } from "../plant/plant.js";
import { type ConfigOptions, configOf, configOptions, defaultConfigFile } from "./options.js";
import { untilSignal } from "./until-signal.js";

interface StartOptions extends ConfigOptions {
  readonly roles?: string;
}

/** `tickplant start`: the embedded plant until Ctrl-C. */
export function startCommand(program: Command): void {
  configOptions(program.command("start"))
    .description("run the whole plant on this machine; without --config the demo with simulated exchanges")
    .option("--roles <list>", "which of ingest,process,sink,push to run")
    .action(async (options: StartOptions) => {
      const roles = options.roles?.split(",") as ("ingest" | "process" | "sink" | "push")[] | undefined;
      const config = configOf(options, defaultConfigFile, roles === undefined ? {} : { roles });
      const logger = createLogger(config.logging);
      const plant = await startPlant(config, logger);
      greet(plant);
      const ended = await Promise.race([untilSignal(), plant.failed.catch((error: unknown) => error)]);
      if (typeof ended === "string") logger.info({ signal: ended }, "stopping");
      await plant.stop();
      if (typeof ended !== "string") throw ended;
    });
}

function greet({ restUrl, webSocketUrl, storeUrl }: Plant): void {
  const lines = ["tickplant runs."];
  if (restUrl !== undefined)
    lines.push(`  page        ${restUrl}/`, `  REST        ${restUrl}/v1/tickers   (${restUrl}/docs)`);
  if (webSocketUrl !== undefined) lines.push(`  WebSocket   ${webSocketUrl}`);
  if (storeUrl !== undefined) lines.push(`  SQL         ${storeUrl}/?query=SELECT+count()+FROM+tickplant.trades`);
  lines.push("Ctrl-C stops it; what it has recorded stays.", "");
  process.stdout.write(lines.join("\n"));
}
