import { join } from "node:path";
import type { PlantConfig } from "../infra/config/plant-config.js";
import { ClickHouseStore } from "../infra/store/clickhouse-store.js";
import { plantUser } from "../infra/store/store-callers.js";

/** Where history is. */
export interface StorePlace {
  /** Of ClickHouse's HTTP interface, the embedded one's or a server's. */
  readonly url: string;
  /** What the embedded store takes from the plant's own processes; undefined for a server. */
  readonly secret?: string | undefined;
}

export function storeAt({ url, secret }: StorePlace, { store }: PlantConfig): ClickHouseStore {
  const { database, retentionDays: retention } = store;
  const [user, password] = secret === undefined ? [store.user, store.password] : [plantUser, secret];
  return new ClickHouseStore({ url, database, user, password, retention });
}

/** Where the embedded store lies; undefined where history is a server's. */
export function storeFolder({ store, dataFolder }: PlantConfig): string | undefined {
  return store.url === undefined ? join(dataFolder, "store") : undefined;
}
