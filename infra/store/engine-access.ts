import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** System tables that everybody may read: what the engine is, what lies in the plant's tables, how it fares. */
export const systemTables = (
  "aggregate_function_combinators asynchronous_metrics build_options collations columns contributors " +
  "data_skipping_indices data_type_families databases events formats functions keywords licenses merge_tree_settings " +
  "merges metrics mutations numbers numbers_mt one parts parts_columns projections settings " +
  "settings_changes table_engines table_functions tables time_zones zeros zeros_mt"
).split(" ");

const statements =
  "SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP DATABASE, DROP TABLE, DROP VIEW, " +
  "TRUNCATE, OPTIMIZE";
const engines = (
  "MergeTree ReplacingMergeTree SummingMergeTree AggregatingMergeTree CollapsingMergeTree " +
  "VersionedCollapsingMergeTree CoalescingMergeTree Memory Null"
).split(" ");

/**
 * What chDB's one user may do at all, whoever asks: the plant's database and the tables above. No grant on a source
 * (file, url, remote, s3, …), no table engine that has one, no SYSTEM, no user, no function, no named collection. What
 * the front lets pass by mistake ends here. Readers run with `readonly = 1` on top.
 *
 * @param database the plant's; `*` for every one, where chDB stands in for a ClickHouse server
 */
export function engineGrants(database: string): string[] {
  const everywhere = database === "*";
  const places = everywhere ? ["*.*"] : [...new Set([database, "default"])].map((name) => `\`${name}\`.*`);
  return [
    ...places.map((place) => `GRANT ${statements} ON ${place}`),
    ...(everywhere ? [`REVOKE ${statements} ON system.*`] : []),
    ...["information_schema", "INFORMATION_SCHEMA"].map((name) => `GRANT SELECT ON ${name}.*`),
    // whose statements run is the plant's own matter
    ...[...systemTables, "processes"].map((table) => `GRANT SELECT ON system.${table}`),
    ...engines.map((engine) => `GRANT TABLE ENGINE ON ${engine}`),
    "GRANT KILL QUERY ON *.*",
    "GRANT CREATE TEMPORARY TABLE ON *.*",
  ];
}

/**
 * Writes the engine's configuration. Without a file of ours chDB would read a `config.xml` of the working directory.
 *
 * @param folder chDB's data directory
 * @returns arguments of the engine's connection
 */
export function writeEngineAccess(folder: string, database: string): string[] {
  const place = join(folder, "access");
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const users = join(place, "users.xml");
  const config = join(place, "config.xml");
  const grants = engineGrants(database).map((grant) => `<query>${grant}</query>`);
  writeFileSync(
    users,
    "<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default><no_password/>" +
      "<networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>" +
      `<grants>${grants.join("")}</grants></default></users></clickhouse>\n`,
    { mode: 0o600 },
  );
  writeFileSync(
    config,
    `<clickhouse><user_directories><users_xml><path>${escaped(users)}</path></users_xml></user_directories>` +
      "<remote_url_allow_hosts/></clickhouse>\n",
    { mode: 0o600 },
  );
  return [`--config-file=${config}`];
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
