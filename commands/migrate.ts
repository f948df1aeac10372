import { join } from "node:path";
import type { Command } from "commander";
import { createLogger } from "../infra/logging.js";
import { EmbeddedStoreServer } from "../infra/store/embedded-store-server.js";
import { storeAt } from "../plant/parts.js";
import { type ConfigOptions, configOf, configOptions, defaultConfigFile } from "./options.js";

/** `tickplant migrate`: brings the store's tables up to date; `start` does the same. */
export function migrateCommand(program: Command): void {
  configOptions(program.command("migrate"))
    .description("apply the store's migrations that it does not have yet")
    .action(async (options: ConfigOptions) => {
      const config = configOf(options, defaultConfigFile);
      const logger = createLogger(config.logging);
      const { url, port, database, user, password } = config.store;
      const folder = join(config.dataFolder, "store");
      const server =
        url === undefined
          ? await EmbeddedStoreServer.start({ folder, port, database, user, password, logger })
          : undefined;
      const store = storeAt(url ?? server!.url, config);
      try {
        await store.migrate();
        process.stdout.write("the store is up to date\n");
      } finally {
        await store.close();
        await server?.stop();
      }
    });
}
