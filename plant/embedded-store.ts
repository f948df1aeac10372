import { join } from "node:path";
import type { PlantConfig } from "../infra/config/plant-config.js";
import { ensureWritableFolder } from "../infra/disk.js";
import type { Logger } from "../infra/logging.js";
import { defaultHttpOptions } from "../infra/store/chdb-http-options.js";
import { EmbeddedStoreServer } from "../infra/store/embedded-store-server.js";

/**
 * Starts the store that the configuration describes, in the data folder.
 *
 * @throws FolderNotWritable, PortInUse, StoreNotStarted
 */
export async function startEmbeddedStore(config: PlantConfig, logger: Logger): Promise<EmbeddedStoreServer> {
  const { port, database, user, password, allowedOrigins, readers } = config.store;
  const memoryBytes = readers.memoryMegabytes * 2 ** 20;
  const folder = join(config.dataFolder, "store");
  ensureWritableFolder(folder);
  return EmbeddedStoreServer.start({
    folder,
    port,
    portSetting: "store.port",
    database,
    user,
    password,
    hosts: config.allowedHosts,
    origins: allowedOrigins,
    lanes: { ...defaultHttpOptions.lanes, read: readers.queries },
    readers: {
      ...defaultHttpOptions.readers,
      seconds: readers.seconds,
      resultRows: readers.rows,
      threads: readers.threads,
      ...(memoryBytes > 0 && { memoryBytes }),
    },
    logger,
  });
}
