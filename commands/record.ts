import type { Command } from "commander";
import { createLogger } from "../infra/logging.js";
import { startPlant } from "../plant/plant.js";
import { type ConfigOptions, configOf, configOptions, defaultConfigFile } from "./options.js";
import { untilSignal } from "./until-signal.js";

interface RecordOptions extends ConfigOptions {
  readonly folder?: string;
}

/** `tickplant record`: ingest alone, every raw frame with its receive time kept for `tickplant replay`. */
export function recordCommand(program: Command): void {
  configOptions(program.command("record"))
    .description("take in the configured venues and keep every raw frame, for replay")
    .option("--folder <folder>", "where the recordings go; by default `recordings` in the data folder")
    .action(async (options: RecordOptions) => {
      const record = { enabled: true, ...(options.folder !== undefined && { folder: options.folder }) };
      const config = configOf(options, defaultConfigFile, { roles: ["ingest"], ingest: { record } });
      const logger = createLogger(config.logging);
      const plant = await startPlant(config, logger);
      process.stdout.write("recording; Ctrl-C ends it\n");
      await untilSignal();
      await plant.stop();
    });
}
