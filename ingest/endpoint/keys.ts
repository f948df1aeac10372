import { createHash, timingSafeEqual } from "node:crypto";
import type { EndpointConfig } from "../../infra/config/endpoint-config.js";
import type { VenueId } from "../../schemas/words.js";
import { RateBucket } from "./rate-bucket.js";

/** Who writes. */
export interface Writer {
  readonly name: string;
  readonly exchanges: ReadonlySet<VenueId>;
  readonly bucket: RateBucket;
  /** Markets (exchange and symbol) that it has written to. */
  readonly markets: Set<string>;
}

/** The writers by their keys. A key is held and compared as its digest, in a time that tells nothing of it. */
export class Keys {
  readonly #writers: readonly { readonly digest: Buffer; readonly writer: Writer }[];

  constructor({ keys, linesPerSecond, maxLines }: Pick<EndpointConfig, "keys" | "linesPerSecond" | "maxLines">) {
    this.#writers = keys.map(({ name, key, exchanges }) => ({
      digest: digestOf(key),
      writer: {
        name,
        exchanges: new Set(exchanges),
        bucket: new RateBucket(linesPerSecond, Math.max(2 * linesPerSecond, maxLines)),
        markets: new Set(),
      },
    }));
  }

  /** The writer whose key another thread has found right. */
  named(name: string): Writer {
    return this.#writers.find(({ writer }) => writer.name === name)!.writer;
  }

  /** @param authorization the header's value; `Bearer KEY` */
  of(authorization: string | undefined): Writer | undefined {
    const key = /^Bearer ([\x21-\x7e]{1,400})$/i.exec(authorization ?? "")?.[1];
    if (key === undefined) return undefined;
    const digest = digestOf(key);
    let found: Writer | undefined;
    for (const one of this.#writers) if (timingSafeEqual(one.digest, digest)) found = one.writer;
    return found;
  }
}

const digestOf = (key: string): Buffer => createHash("sha256").update(key).digest();
