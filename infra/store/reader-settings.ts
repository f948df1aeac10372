import { StatementRefused } from "./statement-refused.js";

/** What one query of a reader may take at most. A request may ask for less, never for more. */
export interface ReaderLimits {
  /** Seconds that a query may run. */
  readonly seconds: number;
  /** Rows of an answer. */
  readonly resultRows: number;
  readonly resultBytes: number;
  /** Bytes of memory while it runs. */
  readonly memoryBytes: number;
  readonly threads: number;
}

export const defaultReaderLimits: ReaderLimits = {
  seconds: 60,
  resultRows: 10_000_000,
  resultBytes: 2 ** 30,
  memoryBytes: 2 ** 31,
  threads: 2,
};

/** Bytes that a query may spill to disk. */
const SPILL_BYTES = 4 * 2 ** 30;
const BLOCK_ROWS = 65_409;

/** Settings that a reader may lower: the engine takes 0 as no limit in each of them. */
function bounds(limits: ReaderLimits): ReadonlyMap<string, number> {
  const none = Number.MAX_SAFE_INTEGER;
  return new Map([
    ["max_execution_time", limits.seconds],
    ["max_result_rows", limits.resultRows],
    ["max_result_bytes", limits.resultBytes],
    ["max_memory_usage", limits.memoryBytes],
    ["max_threads", limits.threads],
    ["max_block_size", BLOCK_ROWS],
    ["max_temporary_data_on_disk_size_for_query", SPILL_BYTES],
    ["max_rows_to_read", none],
    ["max_bytes_to_read", none],
    ["max_rows_to_group_by", none],
    ["max_rows_in_join", none],
    ["max_bytes_in_join", none],
  ]);
}

/** Settings that change what an answer looks like or what a query means, and nothing else. */
const free = new Set(
  (
    "aggregate_functions_null_for_empty bool_false_representation bool_true_representation cast_keep_nullable " +
    "count_distinct_implementation date_time_output_format enable_http_compression extremes final " +
    "format_csv_delimiter format_csv_null_representation format_custom_escaping_rule " +
    "format_custom_field_delimiter format_custom_result_after_delimiter format_custom_result_before_delimiter " +
    "format_custom_row_after_delimiter format_custom_row_before_delimiter format_custom_row_between_delimiter " +
    "format_tsv_null_representation group_by_use_nulls http_headers_progress_interval_ms " +
    "http_zlib_compression_level join_use_nulls limit offset prefer_column_name_to_alias " +
    "cancel_http_readonly_queries_on_client_close http_write_exception_in_output_format " +
    "send_progress_in_http_headers session_timezone show_table_uuid_in_table_create_query_if_not_nil " +
    "transform_null_in union_default_mode"
  ).split(" "),
);
/** Beside `output_format_…`, of which these write a file or ask a registry. */
const notFree = new Set(["output_format_schema", "output_format_avro_confluent_subject"]);

/**
 * The settings of a reader's query: the plant's bounds, what the request lowers of them, and what it asks of the
 * answer's form.
 *
 * @param known the engine's settings
 * @param asked of the URL, then of the SETTINGS clause, which beats it
 * @throws StatementRefused for a setting that readers do not have
 */
export function readerSettings(
  limits: ReaderLimits,
  known: ReadonlySet<string>,
  ...asked: readonly ReadonlyMap<string, string>[]
): Map<string, string> {
  const most = bounds(limits);
  const settings = new Map<string, string>();
  for (const [name, bound] of most) {
    if (bound !== Number.MAX_SAFE_INTEGER) settings.set(name, String(bound));
  }
  for (const [name, value] of asked.flatMap((map) => [...map])) {
    const bound = most.get(name);
    if (bound !== undefined) settings.set(name, lowered(name, value, bound));
    else if (free.has(name) || (name.startsWith("output_format_") && !notFree.has(name))) settings.set(name, value);
    else if (name === "readonly" && (value === "1" || value === "2")) continue;
    else if (name === "result_overflow_mode" && (value === "break" || value === "throw")) settings.set(name, value);
    else refuse(name, known);
  }
  return settings;
}

function lowered(name: string, value: string, bound: number): string {
  if (!/^\d{1,20}$/.test(value) && !(name === "max_execution_time" && /^\d{1,9}\.\d{1,9}$/.test(value))) {
    throw new StatementRefused(72, "CANNOT_PARSE_NUMBER", `Setting ${name} takes a plain number`);
  }
  const number = Number(value);
  return number === 0 || number >= bound ? String(bound) : value;
}

function refuse(name: string, known: ReadonlySet<string>): never {
  if (!known.has(name)) {
    throw new StatementRefused(115, "UNKNOWN_SETTING", `Unknown setting ${JSON.stringify(name.slice(0, 60))}`);
  }
  throw StatementRefused.readonly(`Cannot modify '${name}' setting in readonly mode`);
}
