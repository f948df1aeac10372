import type { Command } from "commander";
import { type ConfigOptions, configOf, configOptions, defaultConfigFile } from "./options.js";
import { withStore } from "./with-store.js";

/** `tickplant migrate`: brings the store's tables up to date; `start` does the same. */
export function migrateCommand(program: Command): void {
  configOptions(program.command("migrate"))
    .description("apply the store's migrations that it does not have yet")
    .action(async (options: ConfigOptions) => {
      await withStore(configOf(options, defaultConfigFile), async (_, { applied, retention }) => {
        const done = [
          ...(applied.length > 0 ? [`migrations ${applied.join(", ")} applied`] : []),
          ...(retention.length > 0 ? [`retention of ${retention.join(", ")} set`] : []),
        ];
        process.stdout.write(`${done.length > 0 ? done.join("; ") : "nothing to do"}: the store is up to date\n`);
      });
    });
}
