import { Readable } from "node:stream";
import { type ClickHouseClient, ClickHouseError, type ClickHouseSettings, createClient } from "@clickhouse/client";
import type { Kline, Trade } from "../../schemas/messages.js";
import { AGGREGATE } from "../../schemas/words.js";
import { applyMigrations, type MigrationTarget, migrationsFolder, readMigrations } from "./migrations.js";
import { applyRetention, type RetentionDays } from "./retention.js";
import { type RowText, rowTexts, UnfitValue } from "./row-text.js";
import type { HistoryRange, Migrated, RowStore, StoredMessage, StoredTopic } from "./store.js";
import { StoreRefused, StoreUnavailable } from "./store-errors.js";

export interface ClickHouseStoreOptions {
  /** e.g. `http://127.0.0.1:8123` */
  readonly url: string;
  readonly database?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Days that rows are kept after they were stored; forever where unset. */
  readonly retention?: Partial<RetentionDays> | undefined;
  /** Default 60 s. */
  readonly requestTimeoutMs?: number | undefined;
  /** Folder of migrations; the plant's own by default. */
  readonly migrations?: string | undefined;
}

/**
 * Errors that say that the rows themselves can not be stored; any other error of an insert may pass: a table that is not
 * there or lacks a column waits for its migration.
 */
const dataErrors = new Set(
  "6 7 20 25 26 27 33 34 35 36 38 41 43 53 62 69 70 72 117 128 130 131 190 321 349 407 436 441 467 469 675 676 691".split(
    " ",
  ),
);
/** Errors of a query that may pass: busy, out of memory, stopped, starting, a password that is about to be mended. */
const passingErrors = new Set(
  "74 75 76 159 160 192 193 194 202 209 210 236 241 242 243 252 394 425 439 516 999".split(" "),
);

const PING_MS = 3_000;

/** Exact decimals as canonical text, whole numbers as numbers. */
const readSettings = {
  output_format_json_quote_decimals: 1,
  output_format_json_quote_64bit_integers: 0,
  output_format_decimal_trailing_zeros: 0,
} as const;

/** What an insert relies on, whatever a release or a user's profile has as its default. */
const writeSettings = {
  // A replayed batch may span years of daily partitions.
  max_partitions_per_insert_block: "0",
  // An insert that was answered is stored, alone and at once. On by default since 26.2.
  async_insert: 0,
  wait_for_async_insert: 1,
  // A repeat is told by its rows' identity. A block that is dropped as a repeat may have missed its views before.
  insert_deduplicate: 0,
  materialized_views_ignore_errors: 0,
  // Seconds with six decimals. `best_effort` since 26.5.
  date_time_input_format: "basic",
} as const;
/** Since 26.2, where it stands above `insert_deduplicate`; a release of before refuses the name. */
const writeSettingsSince262 = { ...writeSettings, deduplicate_insert: "disable" } as const;

/** History in ClickHouse over HTTP: chDB's own server beside the plant or a server elsewhere. */
export class ClickHouseStore implements RowStore {
  private readonly client: ClickHouseClient;

  private readonly database: string;
  private settings: Promise<ClickHouseSettings> | undefined;

  constructor(private readonly options: ClickHouseStoreOptions) {
    this.database = options.database ?? "default";
    this.client = this.connect(this.database);
  }

  private connect(database: string): ClickHouseClient {
    const { options } = this;
    return createClient({
      url: options.url,
      database,
      username: options.user ?? "default",
      password: options.password ?? "",
      request_timeout: options.requestTimeoutMs ?? 60_000,
      max_open_connections: 8,
      keep_alive: { enabled: true, idle_socket_ttl: 2_500 },
      // Packing a request takes four times as long as sending it to this machine.
      compression: { request: false, response: false },
      log: { level: 127 },
    });
  }

  async migrate(): Promise<Migrated> {
    await this.createDatabase();
    const target: MigrationTarget = {
      execute: (sql) => this.command(sql),
      rows: <Row>(sql: string) => this.query<Row>(sql),
    };
    const applied = await applyMigrations(target, await readMigrations(this.options.migrations ?? migrationsFolder));
    return { applied, retention: await applyRetention(target, this.options.retention ?? {}) };
  }

  async insert<Topic extends StoredTopic>(topic: Topic, messages: readonly StoredMessage<Topic>[]): Promise<void> {
    if (messages.length === 0) return;
    const kind = rowTexts[topic] as RowText<StoredMessage<Topic>>;
    await this.insertRows(topic, encodeRows(topic, kind, messages));
  }

  /** @param rows TabSeparated, columns in the order of `rowTexts` */
  async insertRows(topic: StoredTopic, rows: Buffer): Promise<void> {
    const { table, columns } = rowTexts[topic];
    const clickhouse_settings = await this.writeSettings();
    try {
      await this.client.insert({
        table,
        columns: columns as [string, ...string[]],
        values: Readable.from([rows], { objectMode: false }),
        format: "TabSeparated",
        clickhouse_settings,
      });
    } catch (error) {
      // Another release may answer after it.
      this.settings = undefined;
      if (error instanceof ClickHouseError && dataErrors.has(error.code)) throw refused(`insert into ${table}`, error);
      throw this.unavailable(`insert into ${table}`, error);
    }
  }

  async query<Row>(sql: string, parameters?: Record<string, unknown>): Promise<Row[]> {
    try {
      const result = await this.client.query({
        query: sql,
        format: "JSONEachRow",
        clickhouse_settings: readSettings,
        ...(parameters === undefined ? {} : { query_params: parameters }),
      });
      return await result.json<Row>();
    } catch (error) {
      throw this.failed("query", error);
    }
  }

  async klines(range: HistoryRange & { interval: string }): Promise<Kline[]> {
    const rows = await this.query<Kline>(
      `SELECT symbol, exchange, interval, ${micros("open_time")}, ${micros("close_time")}, ${exact("open")}, ${exact("high")},
        ${exact("low")}, ${exact("close")}, ${exact("volume")}, ${exact("quote_volume")}, trade_count,
        ${exact("taker_buy_volume")}, ${exact("taker_buy_quote_volume")}, is_closed, revision, flags,
        ${micros("timestamp")}, epoch, sequence_num, ${laterTime("log_time")}, ${laterTime("receive_time")} FROM (
        SELECT * FROM klines
        WHERE exchange = {exchange:String} AND symbol = {symbol:String} AND interval = {interval:String}
          ${between("open_time", range)}
        ORDER BY open_time DESC LIMIT {limit:UInt32})
      ORDER BY open_time`,
      { ...range },
    );
    return rows;
  }

  async trades(range: HistoryRange): Promise<Trade[]> {
    const { before: position, ...rest } = range;
    const parameters = {
      ...rest,
      ...(position && {
        before_time: position.timestamp,
        before_epoch: position.epoch,
        before_sequence: position.sequence_num,
        before_exchange: position.exchange,
      }),
    };
    const ofVenue = range.exchange === AGGREGATE ? "" : "exchange = {exchange:String} AND";
    const rows = await this.query<Trade>(
      `SELECT symbol, exchange, trade_id, ${exact("price")}, ${exact("qty")}, side, ${micros("timestamp")}, epoch,
        sequence_num, retracts, ${laterTime("log_time")}, ${laterTime("receive_time")}, first_trade_id, last_trade_id,
        flags
      FROM (
        SELECT * FROM trades
        WHERE ${ofVenue} symbol = {symbol:String} ${between("timestamp", range)} ${before(range)}
        ORDER BY timestamp DESC, epoch DESC, sequence_num DESC, exchange DESC LIMIT {limit:UInt32})
      ORDER BY timestamp, epoch, sequence_num, exchange`,
      parameters,
    );
    return rows.map(({ first_trade_id, last_trade_id, ...trade }) =>
      first_trade_id == null ? trade : { ...trade, first_trade_id, last_trade_id: last_trade_id! },
    );
  }

  async ping(): Promise<boolean> {
    // a store that hangs takes connections and answers nobody
    return (await this.client.ping({ select: false, abort_signal: AbortSignal.timeout(PING_MS) })).success;
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  /** By the server's release, which is asked for once. @throws StoreUnavailable */
  private writeSettings(): Promise<ClickHouseSettings> {
    this.settings ??= this.query<{ version: string }>("SELECT version() AS version").then(
      ([row]) => {
        const [year = 0, month = 0] = (row?.version ?? "").split(".").map(Number);
        return year > 26 || (year === 26 && month >= 2) ? writeSettingsSince262 : writeSettings;
      },
      (error: unknown) => {
        this.settings = undefined;
        throw error;
      },
    );
    return this.settings;
  }

  private async createDatabase(): Promise<void> {
    if (this.database === "default") return;
    const client = this.connect("default");
    try {
      await this.command(`CREATE DATABASE IF NOT EXISTS \`${this.database.replaceAll("`", "")}\``, client);
    } finally {
      await client.close();
    }
  }

  private async command(sql: string, client = this.client): Promise<void> {
    try {
      await client.command({ query: sql });
    } catch (error) {
      throw this.failed("command", error);
    }
  }

  private failed(what: string, error: unknown): Error {
    const passes = !(error instanceof ClickHouseError) || passingErrors.has(error.code);
    return passes ? this.unavailable(what, error) : refused(what, error);
  }

  private unavailable(what: string, error: unknown): StoreUnavailable {
    const why = error instanceof Error && error.message !== "" ? error.message : String(error);
    return new StoreUnavailable(
      `${what}: the store at ${this.options.url} can not do it now (${why}): try again later`,
      {
        cause: error,
      },
    );
  }
}

function refused(what: string, error: ClickHouseError): StoreRefused {
  return new StoreRefused(`${what}: ${error.type ?? error.code}: ${error.message}`, undefined, { cause: error });
}

/** @throws StoreRefused with the row's index */
function encodeRows<Message>(topic: StoredTopic, kind: RowText<Message>, messages: readonly Message[]): Buffer {
  let text = "";
  let row = 0;
  try {
    for (; row < messages.length; row += 1) text += kind.row(messages[row] as Message);
  } catch (error) {
    if (!(error instanceof UnfitValue)) throw error;
    throw new StoreRefused(`${topic}, row ${row} of ${messages.length}: ${error.message}`, row);
  }
  return Buffer.from(text, "utf8");
}

/** The time alone first: by it the engine leaves out whole parts. */
function before({ before: position }: HistoryRange): string {
  if (position === undefined) return "";
  const time = "fromUnixTimestamp64Micro({before_time:Int64}, 'UTC')";
  return `AND timestamp <= ${time} AND (timestamp, epoch, sequence_num, exchange)
    < (${time}, {before_epoch:UInt64}, {before_sequence:UInt64}, {before_exchange:String})`;
}

const exact = (column: string): string => `${column}_text AS ${column}`;
/** 0 where it is not known. */
const laterTime = (column: string): string => `ifNull(toUnixTimestamp64Micro(${column}), 0) AS ${column}`;
const micros = (column: string): string => `toUnixTimestamp64Micro(${column}) AS ${column}`;

function between(column: string, range: HistoryRange): string {
  const from = range.from === undefined ? "" : `AND ${column} >= fromUnixTimestamp64Micro({from:Int64}, 'UTC')`;
  const to = range.to === undefined ? "" : `AND ${column} < fromUnixTimestamp64Micro({to:Int64}, 'UTC')`;
  return `${from} ${to}`;
}
