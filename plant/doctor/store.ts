import type { PlantConfig } from "../../infra/config/plant-config.js";
import { whyFailed } from "../../infra/errors.js";
import { ClickHouseStore } from "../../infra/store/clickhouse-store.js";
import { type Migration, migrationsFolder, readMigrations } from "../../infra/store/migrations.js";
import { type Check, clockFinding, type Finding, ok, wrong } from "./finding.js";

const REQUEST_TIMEOUT_MS = 5_000;
const MIGRATE = "run `tickplant migrate` with this configuration";

/** The store's server: that it answers, its database and migrations, its clock. */
export function storeCheck({ store }: PlantConfig, url: string): Check {
  const name = "store";
  const todo = `start it, or mend store.url (${url}), store.user, store.password`;
  return {
    name,
    todo,
    async run() {
      const { database, user, password } = store;
      const server = new ClickHouseStore({
        url,
        database: "default",
        user,
        password,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
      });
      try {
        return await findingsOf(server, database);
      } catch (error) {
        return [wrong(name, whyFailed(error), todo)];
      } finally {
        await server.close();
      }
    },
  };
}

async function findingsOf(server: ClickHouseStore, database: string): Promise<Finding[]> {
  const before = Date.now();
  const [row] = await server.query<{ version: string; ms: number }>(
    "SELECT version() AS version, toUnixTimestamp64Milli(now64(3)) AS ms",
  );
  const clock = clockFinding("store clock", Number(row!.ms), before, Date.now());
  return [ok("store", `ClickHouse ${row!.version}`), clock, ...(await migrationFindings(server, database))];
}

async function migrationFindings(server: ClickHouseStore, database: string): Promise<Finding[]> {
  const name = "store migrations";
  const migrations = await readMigrations(migrationsFolder);
  const tables = await server.query<{ database: string; table: string }>(
    "SELECT database, name AS table FROM system.tables WHERE database = {database:String}",
    { database },
  );
  if (!tables.some(({ table }) => table === "schema_migrations"))
    return [wrong(name, `database ${database} has none of the plant's tables`, MIGRATE)];
  const applied = new Map(
    (
      await server.query<{ number: number; checksum: string }>(
        `SELECT number, checksum FROM \`${database}\`.schema_migrations FINAL`,
      )
    ).map(({ number, checksum }) => [number, checksum]),
  );
  const pending = migrations.filter(({ number }) => !applied.has(number));
  const changed = migrations.filter(({ number, checksum }) => (applied.get(number) ?? checksum) !== checksum);
  const findings: Finding[] = [];
  if (pending.length > 0) findings.push(wrong(name, `not applied yet: ${pending.map(named).join(", ")}`, MIGRATE));
  if (changed.length > 0)
    findings.push(
      wrong(
        name,
        `applied with another text: ${changed.map(named).join(", ")}`,
        "restore the text, and put changes into a new migration",
      ),
    );
  return findings.length > 0 ? findings : [ok(name, `${applied.size} are applied in ${database}`)];
}

const named = ({ number, name }: Migration): string => `${String(number).padStart(3, "0")}_${name}`;
