import { randomUUID, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gunzip, gzip, inflate } from "node:zlib";
import type { Answer, ChdbEngine } from "./chdb-engine.js";
import { type ClickHouseFailure, failure, failureOf, statusOfCode } from "./clickhouse-error.js";
import { type ClickHouseRequest, contentType, formatClause, fromLoopback, readRequest } from "./clickhouse-request.js";
import { WaitingQueue } from "./waiting-queue.js";

export interface ChdbHttpOptions {
  /** Asked of every request where set. */
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Bound of one request's body, before and after decompression. */
  readonly maxBodyBytes: number;
  /** Bound of all bodies in memory together. */
  readonly maxWaitingBytes: number;
  readonly maxWaitingQueries: number;
  /** Queries and inserts that run at once. */
  readonly concurrency: number;
}

export const defaultHttpOptions: ChdbHttpOptions = {
  maxBodyBytes: 256 * 2 ** 20,
  maxWaitingBytes: 512 * 2 ** 20,
  maxWaitingQueries: 256,
  concurrency: 4,
};

const gunzipAsync = promisify(gunzip);
const gzipAsync = promisify(gzip);
const inflateAsync = promisify(inflate);

/** A refusal of the front, in ClickHouse's words and with its own status. */
class Refused extends Error {
  constructor(
    readonly status: number,
    readonly failure: ClickHouseFailure,
  ) {
    super(failure.text);
  }
}

/** ClickHouse's HTTP interface over chDB: what `curl`, `@clickhouse/client` and Grafana speak. */
export class ChdbHttp {
  readonly server: Server;
  private readonly queue: WaitingQueue;
  private engine: ChdbEngine | undefined;

  constructor(private readonly options: ChdbHttpOptions) {
    this.queue = new WaitingQueue({
      running: options.concurrency,
      waiting: options.maxWaitingQueries,
      bytes: options.maxWaitingBytes,
    });
    this.server = createServer((request, response) => {
      this.handle(request, response).catch((error: unknown) => this.fail(response, error));
    });
    this.server.keepAliveTimeout = 30_000;
  }

  /** From now on requests are answered; before, they get 503. */
  open(engine: ChdbEngine): void {
    this.engine = engine;
  }

  /** Ends idle connections, lets running queries finish. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    const sweep = setInterval(() => this.server.closeIdleConnections(), 50);
    await closed;
    clearInterval(sweep);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!fromLoopback(request)) throw this.refusal(403, 497, "ACCESS_DENIED", "Only this machine's programs may ask");
    const engine = this.engine;
    const path = (request.url ?? "/").split("?", 1)[0];
    const hasQuery = /[?&]query=/.test(request.url ?? "");
    if (engine === undefined) throw this.refusal(503, 209, "NETWORK_ERROR", "The store is starting, try again");
    if (path === "/ping" || (path === "/" && request.method === "GET" && !hasQuery)) return plain(response, "Ok.\n");
    if (path === "/replicas_status") return plain(response, "Ok.\n");
    if (path !== "/") throw this.refusal(404, 36, "BAD_ARGUMENTS", `There is no handler ${path}: use / or /ping`);
    await this.answer(engine, readRequest(request), request, response);
  }

  private async answer(
    engine: ChdbEngine,
    asked: ClickHouseRequest,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    response.setHeader("X-ClickHouse-Query-Id", asked.queryId ?? randomUUID());
    response.setHeader("X-ClickHouse-Timezone", "UTC");
    this.authenticate(asked);
    if (asked.nativeCompression) {
      throw this.refusal(501, 48, "NOT_IMPLEMENTED", "compress=1 and decompress=1 are not served here: use gzip");
    }
    const reserved = { bytes: 0 };
    try {
      const body = await this.readBody(request, reserved);
      const head = asked.query === "" ? body.toString("latin1", 0, 512) : asked.query;
      const reads = !/^\s*INSERT\b/i.test(head);
      const full = this.queue.full;
      if (full !== undefined) throw this.refusal(503, 202, "TOO_MANY_SIMULTANEOUS_QUERIES", `The store has ${full}`);
      const result = await this.queue.run(reads, () => engine.run(asked, body));
      const tail = asked.query === "" ? body.toString("latin1", Math.max(0, body.length - 512)) : asked.query;
      await send(response, asked, formatClause(tail) ?? asked.format, result);
    } finally {
      this.queue.release(reserved.bytes);
    }
  }

  private authenticate(asked: ClickHouseRequest): void {
    const { user, password } = this.options;
    if (user === undefined && password === undefined) return;
    if (same(asked.user, user ?? "default") && same(asked.password, password ?? "")) return;
    const text = `${asked.user}: Authentication failed: password is incorrect, or there is no user with such name`;
    throw this.refusal(403, 516, "AUTHENTICATION_FAILED", text);
  }

  private async readBody(request: IncomingMessage, reserved: { bytes: number }): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > this.options.maxBodyBytes) throw this.tooLarge();
      this.reserve(chunk.length, reserved);
      chunks.push(chunk);
    }
    const body = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    const encoding = request.headers["content-encoding"] ?? "identity";
    if (encoding === "identity" || length === 0) return body;
    const unpack = encoding === "gzip" ? gunzipAsync : encoding === "deflate" ? inflateAsync : undefined;
    if (unpack === undefined) {
      throw this.refusal(501, 48, "NOT_IMPLEMENTED", `Content-Encoding ${encoding} is not served here: use gzip`);
    }
    const unpacked = await unpack(body, { maxOutputLength: this.options.maxBodyBytes }).catch((error: unknown) => {
      if (error instanceof RangeError) throw this.tooLarge();
      throw this.refusal(400, 354, "ZLIB_INFLATE_FAILED", `The body is not ${encoding}`);
    });
    this.reserve(unpacked.length, reserved);
    return unpacked;
  }

  private reserve(bytes: number, reserved: { bytes: number }): void {
    const full = this.queue.reserve(bytes);
    if (full !== undefined) throw this.refusal(503, 202, "TOO_MANY_SIMULTANEOUS_QUERIES", `The store has ${full}`);
    reserved.bytes += bytes;
  }

  private tooLarge(): Refused {
    const text = `The body is larger than ${this.options.maxBodyBytes} bytes: send it in parts`;
    return this.refusal(413, 223, "QUERY_IS_TOO_LARGE", text);
  }

  private refusal(status: number, code: number, name: string, message: string): Refused {
    return new Refused(status, failure(code, name, message, this.engine?.version ?? "unknown"));
  }

  private fail(response: ServerResponse, error: unknown): void {
    const told = error instanceof Refused ? error.failure : failureOf(error, this.engine?.version ?? "unknown");
    const status = error instanceof Refused ? error.status : statusOfCode(told.code);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.writeHead(status, {
      "Content-Type": "text/plain; charset=UTF-8",
      "X-ClickHouse-Exception-Code": String(told.code),
      ...(status === 413 || status === 503 ? { Connection: "close" } : {}),
    });
    response.end(`${told.text}\n`);
  }
}

function plain(response: ServerResponse, text: string): void {
  response.writeHead(200, { "Content-Type": "text/html; charset=UTF-8" });
  response.end(text);
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

function same(given: string, wanted: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(wanted);
  return a.length === b.length && timingSafeEqual(a, b);
}
