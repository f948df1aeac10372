import type { PlantConfig } from "../infra/config/plant-config.js";
import { createLogger } from "../infra/logging.js";
import type { ClickHouseStore } from "../infra/store/clickhouse-store.js";
import type { Migrated } from "../infra/store/store.js";
import { startEmbeddedStore } from "../plant/embedded-store.js";
import { storeAt } from "../plant/store-place.js";

/** Opens the configured store, with all migrations, for as long as the work takes; the embedded one is started for it. */
export async function withStore<Answer>(
  config: PlantConfig,
  work: (store: ClickHouseStore, migrated: Migrated) => Promise<Answer>,
): Promise<Answer> {
  const logger = createLogger(config.logging);
  const { url } = config.store;
  const server = url === undefined ? await startEmbeddedStore(config, logger) : undefined;
  const store = storeAt(server ?? { url: url! }, config);
  try {
    return await work(store, await store.migrate());
  } finally {
    await store.close();
    await server?.stop();
  }
}
