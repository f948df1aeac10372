import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { corsHeaders, type GuardedRequest, type HttpPolicy, refusalOf } from "../http-guard.js";
import type { Answer, ChdbEngine } from "./chdb-engine.js";
import type { ChdbHttpOptions } from "./chdb-http-options.js";
import { type ClickHouseRequest, contentType, readRequest, requestUrl } from "./clickhouse-request.js";
import { HttpRefused, toldFailure } from "./http-refusal.js";
import { ByteBudget, Lane, LeftTheLane } from "./lanes.js";
import { RequestBody } from "./request-body.js";
import { callerOf, type StoreCaller } from "./store-callers.js";
import { type LaneName, type StoreStatement, storeStatement } from "./store-statement.js";

const gzipAsync = promisify(gzip);
const CANCEL_EVERY_MS = 200;
const HEADERS_MS = 15_000;
const REQUEST_MS = 120_000;

/** ClickHouse's HTTP interface over chDB: what `curl`, `@clickhouse/client` and Grafana speak. */
export class ChdbHttp {
  readonly server: Server;
  private readonly policy: HttpPolicy;
  private readonly lanes: Readonly<Record<LaneName, Lane>>;
  /** Of readers, and of the others: strangers' bodies never take the room of the plant's rows. */
  private readonly readerBytes: ByteBudget;
  private readonly writerBytes: ByteBudget;
  private readonly running = new Map<AbortController, StoreStatement>();
  private engine: ChdbEngine | undefined;
  private closing = false;

  /** @param onStuck called when a statement that nobody waits for does not end, with its age in ms */
  constructor(
    private readonly options: ChdbHttpOptions,
    private readonly onStuck: (ms: number) => void = () => undefined,
  ) {
    const { lanes, maxWaitingQueries: waiting } = options;
    this.lanes = {
      write: new Lane({ running: lanes.write, waiting }),
      history: new Lane({ running: lanes.history, waiting }),
      read: new Lane({ running: lanes.read, waiting }),
    };
    this.policy = { hosts: options.hosts, origins: options.origins };
    this.readerBytes = new ByteBudget(options.maxReaderBodyBytes * 64);
    this.writerBytes = new ByteBudget(options.maxWaitingBytes);
    this.server = createServer((request, response) => {
      this.handle(request, response).catch((error: unknown) => this.fail(response, error));
    });
    this.server.keepAliveTimeout = 30_000;
    this.server.headersTimeout = HEADERS_MS;
    this.server.requestTimeout = REQUEST_MS;
  }

  /** From now on requests are answered; before, they get 503. */
  open(engine: ChdbEngine): void {
    this.engine = engine;
  }

  /** Takes nothing more, ends what only reads, lets inserts finish. */
  async close(): Promise<void> {
    this.closing = true;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const [left, { lane }] of this.running) if (lane !== "write") left.abort();
    const sweep = setInterval(() => this.server.closeIdleConnections(), 50);
    await closed;
    clearInterval(sweep);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const guarded = guardedRequest(request);
    const refusal = refusalOf(guarded, this.policy);
    if (refusal !== undefined) throw new HttpRefused(403, 497, "ACCESS_DENIED", refusal.message);
    for (const [name, value] of Object.entries(corsHeaders(guarded, this.policy))) response.setHeader(name, value);
    response.setHeader("X-Content-Type-Options", "nosniff");
    response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    const engine = this.engine;
    if (engine === undefined || this.closing) {
      throw new HttpRefused(503, 209, "NETWORK_ERROR", `The store is ${this.closing ? "stopping" : "starting"}`);
    }
    const url = requestUrl(request);
    const method = request.method ?? "";
    if (url.pathname === "/ping" || url.pathname === "/replicas_status")
      return await this.ping(engine, request, response);
    if (url.pathname !== "/") {
      throw new HttpRefused(404, 36, "BAD_ARGUMENTS", "There is no such handler: use / or /ping");
    }
    if ((method === "GET" || method === "HEAD") && !url.searchParams.has("query")) return plain(response);
    if (method !== "GET" && method !== "POST" && method !== "PUT") {
      throw new HttpRefused(405, 36, "BAD_ARGUMENTS", "Use GET to read, POST to read or write");
    }
    await this.answer(engine, readRequest(request), request, response);
  }

  /** What the plant's own processes ask is whether the engine answers; others, whether there is a server. */
  private async ping(engine: ChdbEngine, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { user, password } = readRequest(request);
    if (callerOf(this.options, user, password) === "plant") await engine.health();
    plain(response);
  }

  private async answer(
    engine: ChdbEngine,
    asked: ClickHouseRequest,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    response.setHeader("X-ClickHouse-Query-Id", asked.queryId ?? randomUUID());
    response.setHeader("X-ClickHouse-Timezone", "UTC");
    const caller = this.authenticated(asked);
    if (asked.nativeCompression) {
      const text = "compress=1 and decompress=1 are not served here: use gzip";
      throw new HttpRefused(501, 48, "NOT_IMPLEMENTED", text);
    }
    const reads = caller === "reader";
    const { maxReaderBodyBytes, maxBodyBytes } = this.options;
    const body = reads
      ? new RequestBody(this.readerBytes, maxReaderBodyBytes)
      : new RequestBody(this.writerBytes, maxBodyBytes);
    try {
      const statement = storeStatement(engine, caller, asked, await body.read(request), this.options.readers);
      const result = await this.run(engine, statement, response);
      if (result !== undefined) await send(response, asked, statement.format, result);
    } finally {
      body.release();
    }
  }

  private authenticated(asked: ClickHouseRequest): StoreCaller {
    const caller = callerOf(this.options, asked.user, asked.password);
    if (caller !== undefined) return caller;
    const text = "Authentication failed: password is incorrect, or there is no user with such name";
    throw new HttpRefused(403, 516, "AUTHENTICATION_FAILED", text);
  }

  /** @returns undefined when nobody waits for the answer any more */
  private async run(
    engine: ChdbEngine,
    statement: StoreStatement,
    response: ServerResponse,
  ): Promise<Answer | undefined> {
    const lane = this.lanes[statement.lane];
    if (lane.full !== undefined) throw HttpRefused.busy(lane.full);
    const left = new AbortController();
    const leave = () => left.abort();
    if (response.destroyed) left.abort();
    response.once("close", leave);
    this.running.set(left, statement);
    try {
      return await lane.run(() => this.attended(engine, statement, left.signal), left.signal);
    } catch (error) {
      if (left.signal.aborted && !this.closing) return undefined;
      if (error instanceof LeftTheLane) throw new HttpRefused(503, 209, "NETWORK_ERROR", "The store is stopping");
      throw error;
    } finally {
      this.running.delete(left);
      response.off("close", leave);
    }
  }

  /** Runs a statement, and has the engine end it when its client leaves; an insert is finished all the same. */
  private async attended(engine: ChdbEngine, statement: StoreStatement, left: AbortSignal): Promise<Answer> {
    if (statement.lane === "write") return await statement.run(engine);
    let cancelling: NodeJS.Timeout | undefined;
    const cancel = (): void => {
      const since = Date.now();
      cancelling = setInterval(() => {
        const age = Date.now() - since;
        if (age > this.options.stuckMs) this.onStuck(age);
        engine.cancel(statement.id).catch(() => undefined);
      }, CANCEL_EVERY_MS);
      engine.cancel(statement.id).catch(() => undefined);
    };
    left.addEventListener("abort", cancel, { once: true });
    if (left.aborted) cancel();
    try {
      return await statement.run(engine);
    } finally {
      left.removeEventListener("abort", cancel);
      clearInterval(cancelling);
    }
  }

  private fail(response: ServerResponse, error: unknown): void {
    const { status, code, text } = toldFailure(error, this.engine?.version ?? "unknown");
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    response.writeHead(status, {
      "Content-Type": "text/plain; charset=UTF-8",
      "X-ClickHouse-Exception-Code": String(code),
      ...(status === 413 || status === 503 || status === 403 ? { Connection: "close" } : {}),
    });
    response.end(`${text}\n`);
  }
}

function guardedRequest(request: IncomingMessage): GuardedRequest {
  return {
    method: request.method ?? "",
    target: request.url ?? "",
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
  };
}

function plain(response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/html; charset=UTF-8" });
  response.end("Ok.\n");
}

async function send(response: ServerResponse, asked: ClickHouseRequest, format: string, answer: Answer): Promise<void> {
  const summary = {
    read_rows: String(answer.rowsRead),
    read_bytes: String(answer.bytesRead),
    written_rows: String(answer.rowsWritten),
    written_bytes: String(answer.bytesWritten),
    total_rows_to_read: "0",
    result_rows: String(answer.rowsWritten),
    result_bytes: String(answer.bytesWritten),
    elapsed_ns: String(Math.round(answer.seconds * 1e9)),
  };
  const bytes =
    asked.gzipAnswer && answer.bytes.length > 0 ? await gzipAsync(answer.bytes, { level: 1 }) : answer.bytes;
  response.writeHead(200, {
    "Content-Type": contentType(format),
    "Content-Length": bytes.length,
    "X-ClickHouse-Format": format,
    "X-ClickHouse-Summary": JSON.stringify(summary),
    ...(bytes === answer.bytes ? {} : { "Content-Encoding": "gzip" }),
  });
  response.end(bytes);
}
