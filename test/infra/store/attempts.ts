/** One attempt on the store's port: what is sent, and what it may get. */
export interface Attempt {
  readonly kind: string;
  readonly what: string;
  readonly method?: string;
  /** Of the URL. */
  readonly query?: string;
  readonly settings?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly target?: string;
  /** Name of ClickHouse's error, or `ok` for an answer. */
  readonly gets: RegExp;
}

/** What stands where the attempts reach for. */
export interface Bait {
  /** A file outside the store with a word in it. */
  readonly file: string;
  /** Where a file would be written. */
  readonly writes: string;
  /** A server that counts who comes. */
  readonly url: string;
}

const denied = /ACCESS_DENIED/;
const readonly = /READONLY/;

const sql = (kind: string, query: string, gets: RegExp): Attempt => ({ kind, what: query, query, gets });
const posted = (kind: string, body: string, gets: RegExp): Attempt => ({
  kind,
  what: body,
  method: "POST",
  body,
  gets,
});

/** Attempts of a program on this machine that has no secret. */
export function attempts({ file, writes, url }: Bait): Attempt[] {
  const host = new URL(url).host;
  const by = (settings: Record<string, string>, gets: RegExp, query = "SELECT 1"): Attempt => ({
    ...{ kind: "setting", what: JSON.stringify(settings).slice(0, 80), query, settings, gets },
  });
  const from = (what: string, headers: Record<string, string>, rest: Partial<Attempt> = {}): Attempt => ({
    ...{ kind: "header", what, headers, query: "SELECT 1", gets: denied, ...rest },
  });
  return [
    // statements
    ...[
      "INSERT INTO kept VALUES (2)",
      "INSERT INTO kept SELECT 2",
      "CREATE TABLE made (a UInt8) ENGINE = Memory",
      "CREATE TABLE made ENGINE = Memory AS SELECT 1",
      "CREATE TEMPORARY TABLE made (a UInt8)",
      "CREATE DATABASE made",
      "CREATE VIEW made AS SELECT 1",
      "CREATE FUNCTION made AS (x) -> x",
      "CREATE USER made",
      "CREATE DICTIONARY made (a UInt64) PRIMARY KEY a SOURCE(NULL()) LAYOUT(FLAT()) LIFETIME(0)",
      "CREATE NAMED COLLECTION made AS a = 1",
      "ALTER TABLE kept DELETE WHERE 1",
      "ALTER TABLE kept ADD COLUMN b UInt8",
      "DROP TABLE kept",
      "DROP DATABASE default",
      "TRUNCATE TABLE kept",
      "OPTIMIZE TABLE kept FINAL",
      "RENAME TABLE kept TO lost",
      "EXCHANGE TABLES kept AND lost",
      "DELETE FROM kept WHERE 1",
      "UPDATE kept SET a = 2 WHERE 1",
      "ATTACH TABLE kept",
      "DETACH TABLE kept",
      "UNDROP TABLE kept",
      "GRANT ALL ON *.* TO default",
      "REVOKE ALL ON *.* FROM default",
      "KILL QUERY WHERE 1",
      "SYSTEM STOP MERGES",
      "SYSTEM SHUTDOWN",
      "SYSTEM FLUSH LOGS",
      "SET readonly = 0",
      "SET max_execution_time = 0",
      "USE system",
      `BACKUP TABLE kept TO File('${writes}')`,
      `RESTORE TABLE kept FROM File('${file}')`,
      "EXECUTE AS default SELECT 1",
      "BEGIN TRANSACTION",
      "CHECK TABLE kept",
      "WITH 1 AS x INSERT INTO kept SELECT x",
    ].map((text) => posted("statement", text, readonly)),
    posted("statement", "SELECT 1; DROP TABLE kept", /SYNTAX_ERROR/),
    posted("statement", "SELECT 1;\n-- \nDROP TABLE kept", /SYNTAX_ERROR/),
    posted("statement", "/* SELECT */ DROP TABLE kept", readonly),
    posted("statement", "/* /* */ SELECT 1 -- */ ; DROP TABLE kept", /SYNTAX_ERROR/),
    posted("statement", "SELECT 'a' -- '\n; DROP TABLE kept", /SYNTAX_ERROR/),
    posted("statement", "SELECT 'a\\'; DROP TABLE kept", /SYNTAX_ERROR/),
    posted("statement", "SELECT $x$ '; $x$; DROP TABLE kept", /SYNTAX_ERROR/),
    posted("statement", "SELECT \u2018; \u2019; DROP TABLE kept", /SYNTAX_ERROR/),
    posted("statement", "SELECT\u00a01", /SYNTAX_ERROR/),
    posted("statement", "SELECT 1\0; DROP TABLE kept", /SYNTAX_ERROR/),
    posted("statement", "exit", /SYNTAX_ERROR/),
    posted("statement", "EXPLAIN DROP TABLE kept", denied),
    posted("statement", "EXPLAIN CURRENT TRANSACTION", denied),
    posted("statement", `EXPLAIN TABLE OVERRIDE mysql('${host}', 'a', 'b', 'c', 'd') PARTITION BY x`, denied),
    posted("statement", "SHOW PROCESSLIST", denied),
    posted("statement", "SHOW USERS", denied),
    posted("statement", "SHOW GRANTS", denied),
    { kind: "statement", what: "in two parts", method: "POST", query: "DROP TABLE", body: "kept", gets: readonly },
    {
      kind: "statement",
      what: "rows of an INSERT",
      method: "POST",
      query: "INSERT INTO kept FORMAT TSV",
      body: "2\n",
      gets: readonly,
    },
    // files
    ...[
      `SELECT * FROM file('${file}', 'LineAsString')`,
      `SELECT file('${file}')`,
      `SELECT FILE('${file}')`,
      `SELECT \`file\`('${file}')`,
      `SELECT "file"('${file}')`,
      `SELECT file /* */ -- x\n ('${file}')`,
      `SELECT '${file}' AS name, * APPLY(file) FROM (SELECT '${file}' AS name)`,
      `SELECT * APPLY file FROM (SELECT '${file}' AS name)`,
      `SELECT arrayMap(x -> file(x), ['${file}'])`,
      `WITH file('${file}') AS x SELECT x`,
      `SELECT (SELECT file('${file}'))`,
      `SELECT 1 WHERE 1 IN (SELECT length(file('${file}')))`,
      `SELECT * FROM fileCluster('c', '${file}')`,
      `SELECT * FROM filesystem('${file}')`,
      "SELECT * FROM sqlite('x.db', 't')",
      `SELECT * FROM icebergLocal('${file}')`,
      `DESCRIBE TABLE file('${file}')`,
      `EXPLAIN SELECT file('${file}')`,
      `EXPLAIN AST SELECT file('${file}')`,
      `SELECT 1 INTO OUTFILE '${writes}'`,
      `SELECT 1 INTO/**/OUTFILE '${writes}' FORMAT CSV`,
      `INSERT INTO kept FROM INFILE '${file}' FORMAT CSV`,
      "SELECT catboostEvaluate('m', 1)",
      "SELECT dictGet('d', 'a', 1)",
      "SELECT filesystemAvailable()",
    ].map((text) => sql("file", text, text.startsWith("INSERT") ? readonly : denied)),
    sql("file", `SELECT * FROM '${file}'`, denied),
    sql("file", `SELECT * FROM \`${file}\``, denied),
    // the network, other processes
    ...[
      `url('${url}', 'LineAsString')`,
      `urlCluster('c', '${url}', 'LineAsString')`,
      `remote('${host}', 'default', 'kept')`,
      `remoteSecure('${host}', 'default', 'kept')`,
      "cluster('default', 'default', 'kept')",
      "clusterAllReplicas('default', 'default', 'kept')",
      `s3('${url}/b/k', 'CSV')`,
      `gcs('${url}/b/k', 'CSV')`,
      `hdfs('hdfs://${host}/x', 'CSV')`,
      `azureBlobStorage('${url}', 'c', 'k')`,
      `mysql('${host}', 'a', 'b', 'c', 'd')`,
      `postgresql('${host}', 'a', 'b', 'c', 'd')`,
      `mongodb('${host}', 'a', 'b', 'c', 'd', 'x Int8')`,
      `redis('${host}', 'k', 'k String, v String')`,
      "odbc('DSN=x', 'a', 'b')",
      `jdbc('jdbc:x', 'a', 'b')`,
      "executable('x', 'TSV', 'a String')",
      `deltaLake('${url}')`,
      `iceberg('${url}')`,
      "dictionary('d')",
      "merge('default', '.*')",
      "loop(numbers(1))",
      "eval('SELECT 1')",
      "viewIfPermitted(SELECT 1 ELSE null('a Int8'))",
      "mergeTreeIndex('default', 'kept')",
      "generateRandom('a Int8')",
      "input('a Int8')",
      "somethingNew('x')",
    ].map((text) => sql("network", `SELECT * FROM ${text}`, denied)),
    ...[
      "aiGenerate('x')",
      "getServerPort('tcp_port')",
      "addressToLine(1)",
      "sleep(1)",
      "sleepEachRow(1)",
      "logTrace('x')",
    ].map((text) => sql("function", `SELECT ${text}`, denied)),
    {
      ...sql("function", "{f:Identifier}(…)", denied),
      query: `SELECT {f:Identifier}('${file}')`,
      settings: { param_f: "file" },
    },
    // what other tables there are
    ...[
      "users",
      "processes",
      "grants",
      "disks",
      "query_log",
      "named_collections",
      "stack_trace",
      "server_settings",
      "macros",
    ].map((table) => sql("table", `SELECT * FROM system.${table}`, /ACCESS_DENIED|UNKNOWN_TABLE/)),
    ...[
      "SELECT * FROM `system`.`stack_trace`",
      'SELECT * FROM "system" /* */ . /* */ "stack_trace"',
      "SELECT * FROM `sy\\x73tem`.stack_trace",
      "SELECT 1 IN system.stack_trace",
      "SELECT * FROM view(SELECT * FROM system.stack_trace)",
      "DESCRIBE TABLE system.stack_trace",
      "SHOW CREATE TABLE system.stack_trace",
    ].map((text) => sql("table", text, denied)),
    {
      ...sql("table", "FROM {d:Identifier}.stack_trace", denied),
      query: "SELECT * FROM {d:Identifier}.stack_trace",
      settings: { param_d: "system" },
    },
    {
      ...sql("table", "database=system", denied),
      query: "SELECT * FROM stack_trace",
      settings: { database: "system" },
    },
    from(
      "X-ClickHouse-Database: system",
      { "X-ClickHouse-Database": "system" },
      { query: "SELECT * FROM stack_trace" },
    ),
    sql("table", "SELECT count() FROM default.kept", /^ok 1$/),
    sql("table", "SELECT count() > 0 FROM system.columns WHERE database = 'system' AND table = 'users'", /^ok 0$/),
    // settings: may be lowered
    by({ readonly: "0" }, readonly),
    by({ readonly: "2" }, /^ok 1$/, "SELECT getSetting('readonly')"),
    by({ max_execution_time: "0" }, /^ok 20$/, "SELECT getSetting('max_execution_time')"),
    by({ max_execution_time: "9999" }, /^ok 20$/, "SELECT getSetting('max_execution_time')"),
    by({ max_execution_time: "3" }, /^ok 3$/, "SELECT getSetting('max_execution_time')"),
    by({ max_execution_time: "-1" }, /CANNOT_PARSE_NUMBER/),
    by({ max_execution_time: "1e400" }, /CANNOT_PARSE_NUMBER/),
    by({ max_execution_time: "Infinity" }, /CANNOT_PARSE_NUMBER/),
    by({ max_threads: "0x40" }, /CANNOT_PARSE_NUMBER/),
    by({ max_threads: "64" }, /^ok 2$/, "SELECT getSetting('max_threads')"),
    by({ max_memory_usage: "0" }, /^ok 0$/, "SELECT getSetting('max_memory_usage') = 0"),
    by({ max_memory_usage: "18446744073709551615" }, /^ok 1$/, "SELECT getSetting('max_memory_usage') <= 2147483648"),
    by({ max_result_rows: "99999999999" }, /^ok 10000000$/, "SELECT getSetting('max_result_rows')"),
    by({ allow_ddl: "1" }, readonly),
    by({ profile: "default" }, /UNKNOWN_SETTING/),
    by({ format_schema: `${file}:x` }, readonly),
    by({ output_format_schema: writes }, readonly),
    by({ format_template_resultset: file }, readonly),
    by({ s3_truncate_on_insert: "1" }, readonly),
    by({ timeout_overflow_mode: "break" }, readonly),
    by({ "a = 1, readonly": "0" }, /UNKNOWN_SETTING/),
    by({ "param_x = 1, readonly": "0" }, /UNKNOWN_SETTING/),
    by({ param_x: "', readonly = 0, max_threads = '9" }, /^ok 2$/, "SELECT getSetting('max_threads')"),
    sql("setting", "SELECT getSetting('max_execution_time') SETTINGS max_execution_time = 0", /^ok 20$/),
    sql(
      "setting",
      "SELECT getSetting('max_execution_time') SETTINGS max_execution_time = 2, max_threads = 1",
      /^ok 2$/,
    ),
    sql("setting", "SELECT 1 SETTINGS readonly = 0", readonly),
    sql("setting", "SELECT 1 SETTINGS allow_introspection_functions = 1", readonly),
    sql("setting", "SELECT * FROM (SELECT 1 SETTINGS max_threads = 9)", readonly),
    sql("setting", "SELECT (SELECT getSetting('readonly') SETTINGS readonly = 0)", readonly),
    sql("setting", "SELECT 1 IN (SELECT 1 Settings`readonly`=0)", readonly),
    sql("setting", "SELECT * FROM (SELECT 1 SETTINGS allow_introspection_functions)", readonly),
    sql("setting", "SELECT 1 SETTINGS `readonly` = 0", /SYNTAX_ERROR/),
    sql("setting", "SELECT 1 SETTINGS allow_introspection_functions", /SYNTAX_ERROR/),
    sql("setting", "SELECT 1 SETTINGS max_threads = 9 UNION ALL SELECT 2 SETTINGS readonly = 0", readonly),
    sql("setting", "SELECT 1 /* */ SeTTings/**/max_threads/**/= 'x'", /CANNOT_PARSE_NUMBER/),
    from(
      "X-ClickHouse-Setting-…",
      { "X-ClickHouse-Setting-max_threads": "64" },
      {
        query: "SELECT getSetting('max_threads')",
        gets: /^ok 2$/,
      },
    ),
    // who asks
    from("a name that is not this machine's", { Host: "evil.example" }),
    from("a name that was made to point here", { Host: "127.0.0.1.evil.example" }),
    from("no Host", { Host: "" }, { gets: /ACCESS_DENIED|^400/ }),
    from("a page of another site", { Origin: "http://evil.example" }),
    from("a page of this machine's other port", { Origin: "http://localhost:3000" }),
    from("a page without an origin", { Origin: "null" }),
    from("a form of another site", { "Sec-Fetch-Site": "cross-site" }, { method: "POST", body: "SELECT 1" }),
    from("an image of another site", { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors" }),
    from("a script of another port", { "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors" }),
    from("a link of another site", {
      "Sec-Fetch-Site": "cross-site",
      "Sec-Fetch-Mode": "navigate",
      "Sec-Fetch-Dest": "document",
    }),
    from(
      "a preflight",
      { Origin: "http://evil.example", "Access-Control-Request-Method": "POST" },
      { method: "OPTIONS" },
    ),
    from("an upload of a form", { "Content-Type": "multipart/form-data; boundary=x" }, { method: "POST", body: "--x" }),
    from("an absolute target", {}, { target: "http://evil.example/?query=SELECT+1" }),
    from("a wrong password", { "X-ClickHouse-User": "default", "X-ClickHouse-Key": "x" }, { gets: /AUTHENTICATION/ }),
    from("the plant without its secret", { "X-ClickHouse-User": "plant" }, { gets: /AUTHENTICATION/ }),
    from(
      "the plant with another secret",
      { "X-ClickHouse-User": "plant", "X-ClickHouse-Key": "x".repeat(43) },
      {
        gets: /AUTHENTICATION/,
      },
    ),
    // methods
    ...["DELETE", "PATCH", "TRACE"].map(
      (method): Attempt => ({
        ...{ kind: "method", what: method, method, query: "SELECT 1", gets: /BAD_ARGUMENTS/ },
      }),
    ),
    { kind: "method", what: "PUT", method: "PUT", body: "DROP TABLE kept", gets: readonly },
    { kind: "method", what: "HEAD", method: "HEAD", query: "SELECT 1", gets: /^405/ },
    {
      kind: "method",
      what: "a body of 2 MiB",
      method: "POST",
      body: `SELECT '${"x".repeat(2 ** 21)}'`,
      gets: /TOO_LARGE/,
    },
    { kind: "method", what: "another path", target: "/play?query=SELECT+1", gets: /BAD_ARGUMENTS/ },
    { kind: "method", what: "//evil.example/", target: "//evil.example/?query=SELECT+1", gets: /BAD_ARGUMENTS/ },
    // limits
    sql("limit", "SELECT count() FROM numbers(1000000000000) SETTINGS max_execution_time = 1", /TIMEOUT_EXCEEDED/),
    sql("limit", "SELECT groupArray(number) FROM numbers(10000000000)", /MEMORY_LIMIT_EXCEEDED/),
    sql("limit", "SELECT number FROM numbers(20000000) FORMAT RowBinary", /TOO_MANY_ROWS_OR_BYTES/),
    sql("limit", "SELECT length(range(1000000000))", /MEMORY_LIMIT_EXCEEDED|TOO_LARGE_ARRAY|ARGUMENT_OUT_OF_BOUND/),
  ];
}
