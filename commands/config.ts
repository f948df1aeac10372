import type { Command } from "commander";
import { printConfig } from "../infra/config/print-config.js";
import { type ConfigOptions, configOf, configOptions, defaultConfigFile } from "./options.js";

/** `tickplant config`: what is in force, secrets blanked. */
export function configCommand(program: Command): void {
  configOptions(program.command("config"))
    .description("print the configuration in force, secrets blanked")
    .action((options: ConfigOptions) => {
      process.stdout.write(printConfig(configOf(options, defaultConfigFile)));
    });
}
