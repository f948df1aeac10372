import { join } from "node:path";
import type { PlantConfig } from "../infra/config/plant-config.js";
import { createLogger } from "../infra/logging.js";
import type { ClickHouseStore } from "../infra/store/clickhouse-store.js";
import { EmbeddedStoreServer } from "../infra/store/embedded-store-server.js";
import type { Migrated } from "../infra/store/store.js";
import { storeAt } from "../plant/parts.js";

/** Opens the configured store, with all migrations, for as long as the work takes; the embedded one is started for it. */
export async function withStore<Answer>(
  config: PlantConfig,
  work: (store: ClickHouseStore, migrated: Migrated) => Promise<Answer>,
): Promise<Answer> {
  const logger = createLogger(config.logging);
  const { url, port, database, user, password } = config.store;
  const folder = join(config.dataFolder, "store");
  const server =
    url === undefined ? await EmbeddedStoreServer.start({ folder, port, database, user, password, logger }) : undefined;
  const store = storeAt(url ?? server!.url, config);
  try {
    return await work(store, await store.migrate());
  } finally {
    await store.close();
    await server?.stop();
  }
}
