import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PlantError } from "../errors.js";
import { MigrationChanged } from "./store-errors.js";

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
  readonly statements: readonly string[];
}

/** What migrations need of a store. */
export interface MigrationTarget {
  execute(sql: string): Promise<void>;
  rows<Row>(sql: string): Promise<Row[]>;
}

/** The folder of numbered migrations: beside this file, compiled or not. */
export const migrationsFolder = fileURLToPath(new URL("migrations/", import.meta.url));

/** Two migrations claim one number, or a file is named otherwise than NNN_name.sql: rename it. */
export class MigrationMisnamed extends PlantError {
  constructor(file: string, why: string) {
    super("TP_MIGRATION_MISNAMED", `migration ${file}: ${why}`);
  }
}

/** Reads `NNN_name.sql` files in order of their numbers. @throws MigrationMisnamed */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".sql")).sort();
  const migrations: Migration[] = [];
  for (const file of files) {
    const match = /^(\d{3,})_([\w-]+)\.sql$/.exec(file);
    if (match?.[1] === undefined || match[2] === undefined) {
      throw new MigrationMisnamed(file, "name it NNN_name.sql");
    }
    const number = Number.parseInt(match[1], 10);
    if (migrations.some((other) => other.number === number)) {
      throw new MigrationMisnamed(file, `number ${number} is taken: give it the next free one`);
    }
    const text = (await readFile(join(folder, file), "utf8")).replaceAll("\r\n", "\n");
    const checksum = createHash("sha256").update(text).digest("hex");
    migrations.push({ number, name: match[2], checksum, statements: statementsOf(text) });
  }
  return migrations.sort((a, b) => a.number - b.number);
}

/** Statements end with `;` at a line's end; comments stand on lines of their own. */
function statementsOf(text: string): string[] {
  const withoutComments = text.replace(/^\s*--.*$/gm, "");
  return withoutComments
    .split(/;[ \t]*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

/**
 * Applies what is not yet in `schema_migrations`. Statements are written so that a migration which a crash cut short
 * can be applied again.
 *
 * @returns the numbers that were applied now
 * @throws MigrationChanged when an applied one has another text now
 */
export async function applyMigrations(target: MigrationTarget, migrations: readonly Migration[]): Promise<number[]> {
  await target.execute(
    "CREATE TABLE IF NOT EXISTS schema_migrations (number UInt32, name String, checksum String, " +
      "applied_at DateTime64(3, 'UTC')) ENGINE = ReplacingMergeTree(applied_at) ORDER BY number",
  );
  const rows = await target.rows<{ number: number; checksum: string }>(
    "SELECT number, checksum FROM schema_migrations FINAL",
  );
  const applied = new Map(rows.map((row) => [row.number, row.checksum]));
  for (const { number, name, checksum } of migrations) {
    const before = applied.get(number);
    if (before !== undefined && before !== checksum) throw new MigrationChanged(number, name);
  }
  const now: number[] = [];
  for (const migration of migrations) {
    if (applied.has(migration.number)) continue;
    for (const statement of migration.statements) await target.execute(statement);
    await target.execute(
      "INSERT INTO schema_migrations (number, name, checksum, applied_at) " +
        `VALUES (${migration.number}, '${migration.name}', '${migration.checksum}', now64(3, 'UTC'))`,
    );
    now.push(migration.number);
  }
  return now;
}
