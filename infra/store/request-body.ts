import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { HttpRefused } from "./http-refusal.js";
import type { ByteBudget } from "./lanes.js";

const gunzipAsync = promisify(gunzip);
const inflateAsync = promisify(inflate);

/** A body in memory, and the room that it takes there until it is released. */
export class RequestBody {
  #reserved = 0;

  constructor(
    private readonly budget: ByteBudget,
    /** Bound of the body, before and after decompression. */
    private readonly maxBytes: number,
  ) {}

  /** @throws HttpRefused when it is too large, or is not what it says it is */
  async read(request: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > this.maxBytes) throw this.#tooLarge();
      this.#reserve(chunk.length);
      chunks.push(chunk);
    }
    const body = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    const encoding = request.headers["content-encoding"] ?? "identity";
    if (encoding === "identity" || length === 0) return body;
    const unpack = encoding === "gzip" ? gunzipAsync : encoding === "deflate" ? inflateAsync : undefined;
    if (unpack === undefined) {
      throw new HttpRefused(501, 48, "NOT_IMPLEMENTED", `Content-Encoding ${encoding} is not served here: use gzip`);
    }
    const unpacked = await unpack(body, { maxOutputLength: this.maxBytes }).catch((error: unknown) => {
      if (error instanceof RangeError) throw this.#tooLarge();
      throw new HttpRefused(400, 354, "ZLIB_INFLATE_FAILED", `The body is not ${encoding}`);
    });
    this.#reserve(unpacked.length);
    return unpacked;
  }

  release(): void {
    this.budget.release(this.#reserved);
    this.#reserved = 0;
  }

  #reserve(bytes: number): void {
    const full = this.budget.reserve(bytes);
    if (full !== undefined) throw HttpRefused.busy(full);
    this.#reserved += bytes;
  }

  #tooLarge(): HttpRefused {
    const text = `The body is larger than ${this.maxBytes} bytes: send it in parts`;
    return new HttpRefused(413, 223, "QUERY_IS_TOO_LARGE", text);
  }
}
