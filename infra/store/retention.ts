import type { MigrationTarget } from "./migrations.js";

/** Days after which rows go, counted from when they were stored; 0 keeps them forever. */
export interface RetentionDays {
  readonly trades: number;
  readonly tickers: number;
  readonly depths: number;
  readonly klines: number;
  readonly indices: number;
  readonly signals: number;
  readonly deadLetters: number;
}

const tables: { readonly [Kind in keyof RetentionDays]: readonly string[] } = {
  trades: ["trades_data", "retractions_data"],
  tickers: ["tickers_data"],
  depths: ["depth_data"],
  klines: ["klines_data"],
  indices: ["index_values_data"],
  signals: ["signals_data"],
  deadLetters: ["dead_letters_data"],
};

/** Brings the tables' TTL to the configured days. Not part of the migrations' text, since it is configuration. */
export async function applyRetention(target: MigrationTarget, retention: Partial<RetentionDays>): Promise<string[]> {
  const rows = await target.rows<{ name: string; engine_full: string }>(
    "SELECT name, engine_full FROM system.tables WHERE database = currentDatabase() AND endsWith(name, '_data')",
  );
  const engines = new Map(rows.map((row) => [row.name, row.engine_full]));
  const all = Object.entries(tables).flatMap(([kind, names]) => names.map((table) => [kind, table] as const));
  const changed: string[] = [];
  for (const [kind, table] of all) {
    const days = Math.trunc(retention[kind as keyof RetentionDays] ?? 0);
    const present = Number(/\bTTL stored_at \+ toIntervalDay\((\d+)\)/.exec(engines.get(table) ?? "")?.[1] ?? 0);
    if (days === present) continue;
    await target.execute(
      days === 0
        ? `ALTER TABLE ${table} REMOVE TTL`
        : `ALTER TABLE ${table} MODIFY TTL stored_at + toIntervalDay(${days})`,
    );
    changed.push(table);
  }
  return changed;
}
