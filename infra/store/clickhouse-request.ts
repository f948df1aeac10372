import type { IncomingMessage } from "node:http";

/** What a request to ClickHouse's HTTP interface asks for. */
export interface ClickHouseRequest {
  /** The query in the URL; the body follows it (rows of an INSERT) or is the query itself. */
  readonly query: string;
  readonly database: string | undefined;
  /** Output format of a query that names none. */
  readonly format: string;
  readonly queryId: string | undefined;
  /** Values of `{name:Type}` placeholders, escaped as in TabSeparated. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Settings for this query only. */
  readonly settings: ReadonlyMap<string, string>;
  /** GET may not change anything, as with the server: a link on a web page must not drop a table. */
  readonly readonly: boolean;
  readonly gzipAnswer: boolean;
  readonly user: string;
  readonly password: string;
  /** ClickHouse's own block compression, which only its native clients speak. */
  readonly nativeCompression: boolean;
}

const notSettings = new Set([
  "query",
  "database",
  "default_format",
  "query_id",
  "user",
  "password",
  "quota_key",
  "role",
  "session_id",
  "session_timeout",
  "session_check",
  "compress",
  "decompress",
  "stacktrace",
  "buffer_size",
  "wait_end_of_query",
  "close_session",
  "add_http_cors_header",
  "client_protocol_version",
  // The engine inserts at once and says so when it is done: more than these ask for.
  "async_insert",
  "wait_for_async_insert",
]);

/** Reads address and headers of a request; the body is the caller's. */
export function readRequest(request: IncomingMessage): ClickHouseRequest {
  const url = requestUrl(request);
  const settings = new Map<string, string>();
  const parameters = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (name.startsWith("param_")) parameters.set(name.slice(6), value);
    else if (!notSettings.has(name) && value !== "") settings.set(name, value);
  }
  const header = (name: string): string | undefined => {
    const value = request.headers[name];
    return typeof value === "string" ? value : undefined;
  };
  const [user, password] = credentials(url, header);
  return {
    query: url.searchParams.get("query") ?? "",
    database: url.searchParams.get("database") ?? header("x-clickhouse-database"),
    format: url.searchParams.get("default_format") ?? header("x-clickhouse-format") ?? "TabSeparated",
    queryId: url.searchParams.get("query_id") ?? undefined,
    parameters,
    settings,
    readonly: request.method !== "POST" && request.method !== "PUT",
    gzipAnswer: /\bgzip\b/.test(header("accept-encoding") ?? "") && settings.get("enable_http_compression") === "1",
    user,
    password,
    nativeCompression: url.searchParams.get("compress") === "1" || url.searchParams.get("decompress") === "1",
  };
}

/** Path and query of a request; the guard has seen that its target is a path. */
export function requestUrl(request: IncomingMessage): URL {
  const target = request.url ?? "/";
  // not "//name/", which would be an authority
  return new URL(`http://127.0.0.1/${target.replace(/^\/+/, "")}`);
}

function credentials(url: URL, header: (name: string) => string | undefined): [user: string, password: string] {
  const user = header("x-clickhouse-user");
  if (user !== undefined) return [user, header("x-clickhouse-key") ?? ""];
  const basic = /^Basic\s+(\S+)$/i.exec(header("authorization") ?? "")?.[1];
  if (basic !== undefined) {
    const text = Buffer.from(basic, "base64").toString("utf8");
    const colon = text.indexOf(":");
    return colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
  }
  return [url.searchParams.get("user") ?? "default", url.searchParams.get("password") ?? ""];
}

/** Content type of an output format, as the server gives it. */
export function contentType(format: string): string {
  if (/^JSON(Compact)?EachRow/.test(format)) return "application/x-ndjson; charset=UTF-8";
  if (format.startsWith("JSON")) return "application/json; charset=UTF-8";
  if (format.startsWith("CSV")) return "text/csv; charset=UTF-8; header=absent";
  if (/^(TabSeparated|TSV)/.test(format)) return "text/tab-separated-values; charset=UTF-8";
  if (/^(Native|RowBinary|Parquet|Arrow|ORC|Avro|MsgPack|BSON|Npy|Protobuf)/.test(format))
    return "application/octet-stream";
  return "text/plain; charset=UTF-8";
}
