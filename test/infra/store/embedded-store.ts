import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../../../infra/logging.js";
import { ClickHouseStore, type ClickHouseStoreOptions } from "../../../infra/store/clickhouse-store.js";
import { type EmbeddedStoreOptions, EmbeddedStoreServer } from "../../../infra/store/embedded-store-server.js";
import { plantUser } from "../../../infra/store/store-callers.js";

/** Headers with which the plant's own processes come. */
export const asPlant = (server: EmbeddedStoreServer): Record<string, string> => ({
  "X-ClickHouse-User": plantUser,
  "X-ClickHouse-Key": server.secret,
});

export const quiet = createLogger({ level: process.env.TEST_LOG_LEVEL ?? "silent" });

export interface EmbeddedStore {
  readonly server: EmbeddedStoreServer;
  readonly store: ClickHouseStore;
  readonly url: string;
  /** The directory above chDB's own. */
  readonly folder: string;
  close(): Promise<void>;
}

/** chDB's server in a folder of its own, on a free port, and a store that speaks to it. */
export async function openEmbeddedStore(
  options: Partial<ClickHouseStoreOptions> = {},
  serverOptions: Partial<EmbeddedStoreOptions> = {},
): Promise<EmbeddedStore> {
  const folder = await mkdtemp(join(tmpdir(), "tickplant-store-"));
  const server = await EmbeddedStoreServer.start({
    folder: join(folder, "chdb"),
    port: 0,
    logger: quiet,
    database: options.database,
    ...serverOptions,
  });
  const store = new ClickHouseStore({ url: server.url, user: plantUser, password: server.secret, ...options });
  return {
    server,
    store,
    url: server.url,
    folder,
    close: async () => {
      await store.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
