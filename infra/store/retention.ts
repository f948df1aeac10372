import type { MigrationTarget } from "./migrations.js";

/** Days after which rows may go, by their own time; 0 keeps them forever. */
export interface RetentionDays {
  readonly trades: number;
  readonly tickers: number;
  readonly depth: number;
  readonly klines: number;
  readonly index_values: number;
  readonly signals: number;
  readonly dead_letters: number;
}

/** History is kept unless somebody says otherwise: a replayed recording is older than any default. */
export const keepForever: RetentionDays = {
  trades: 0,
  tickers: 0,
  depth: 0,
  klines: 0,
  index_values: 0,
  signals: 0,
  dead_letters: 0,
};

/** Brings the tables' TTL to the configured days. Not part of the migrations' text, since it is configuration. */
export async function applyRetention(target: MigrationTarget, retention: RetentionDays): Promise<void> {
  const tables = await target.rows<{ name: string; engine_full: string }>(
    "SELECT name, engine_full FROM system.tables WHERE database = currentDatabase() AND endsWith(name, '_data')",
  );
  for (const { name, engine_full } of tables) {
    const days = retention[name.replace(/_data$/, "") as keyof RetentionDays];
    if (days === undefined) continue;
    const present = /\bTTL .*toIntervalDay\((\d+)\)/.exec(engine_full)?.[1];
    if (days === Number(present ?? 0)) continue;
    const time = name === "klines_data" ? "open_time" : "timestamp";
    await target.execute(
      days === 0
        ? `ALTER TABLE ${name} REMOVE TTL`
        : `ALTER TABLE ${name} MODIFY TTL toDateTime(${time}) + toIntervalDay(${Math.trunc(days)})`,
    );
  }
}
