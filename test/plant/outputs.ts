import { createHash } from "node:crypto";
import { EmbeddedLog } from "../../infra/log/embedded-log.js";
import type { Log } from "../../infra/log/log.js";
import { createLogger } from "../../infra/logging.js";
import { type Codecs, openCodecs } from "../../schemas/codec.js";
import { EmbeddedRegistry } from "../../schemas/embedded-registry.js";
import type { OutputTopic } from "../../schemas/messages.js";

export const outputTopics: readonly OutputTopic[] = [
  "market.trade",
  "market.ticker",
  "market.depth",
  "market.kline",
  "market.index",
  "index.input",
  "market.dlq",
];

/** Every stream's messages in order, each once: identity → bytes. */
export interface Outputs {
  readonly byIdentity: ReadonlyMap<string, Buffer>;
  /** Records that a crash made again. */
  readonly repeats: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** The embedded registry of a data folder, as codecs. */
export const codecsIn = (dataFolder: string): Promise<Codecs> =>
  openCodecs(new EmbeddedRegistry({ file: `${dataFolder}/schemas.json` }));

export function openLogIn(dataFolder: string): Promise<EmbeddedLog> {
  return EmbeddedLog.open({ folder: `${dataFolder}/log`, logger: createLogger({ level: "silent" }) });
}

/** What a message is told by: its stream, and its place there. */
export function identityOf(topic: string, key: string, message: object): string {
  const { exchange, source, epoch, sequence_num } = message as Record<string, unknown>;
  return [topic, key, topic === "market.dlq" ? "" : (exchange ?? ""), source ?? "", epoch, sequence_num].join("|");
}

/**
 * Reads all output topics of a data folder. A repeat must carry the very same bytes, and each stream must count up by
 * one from 1 with nothing left out.
 *
 * @throws Error naming the stream that does not
 */
export async function readOutputs(dataFolder: string): Promise<Outputs> {
  const log = await openLogIn(dataFolder);
  try {
    return await outputsOf(log, await codecsIn(dataFolder));
  } finally {
    await log.close();
  }
}

/** As `readOutputs`, of any log. */
export async function outputsOf(log: Log, codecs: Codecs): Promise<Outputs> {
  const byIdentity = new Map<string, Buffer>();
  const last = new Map<string, number>();
  const counts: Record<string, number> = {};
  let repeats = 0;
  for (const topic of outputTopics) {
    for (let partition = 0; partition < log.partitions(topic); partition++) {
      for await (const { key, value } of recordsOf(log, topic, partition)) {
        const message = codecs[topic].decode(value);
        const identity = identityOf(topic, key ?? "", message);
        const bytes = Buffer.from(value);
        const before = byIdentity.get(identity);
        if (before !== undefined) {
          if (!before.equals(bytes)) throw new Error(`${identity} came again with other bytes`);
          repeats += 1;
          continue;
        }
        const { sequence_num: sequence } = message;
        const stream = identity.slice(0, identity.lastIndexOf("|"));
        if (sequence !== (last.get(stream) ?? 0) + 1)
          throw new Error(`${stream} goes from ${last.get(stream) ?? 0} to ${sequence}`);
        last.set(stream, sequence);
        byIdentity.set(identity, bytes);
        counts[topic] = (counts[topic] ?? 0) + 1;
      }
    }
  }
  return { byIdentity, repeats, counts };
}

export async function* recordsOf(
  log: Log,
  topic: string,
  partition: number,
): AsyncGenerator<{ key: string | null; value: Uint8Array; offset: number; timestamp: number }> {
  for await (const records of log.readToEnd(topic, partition, 0, 1 << 20)) {
    for (const { key, value, offset, timestamp } of records) {
      if (value !== null) yield { key, value, offset, timestamp };
    }
  }
}

/** What differs, at most a few lines; empty where both are the same. */
export function differences(a: ReadonlyMap<string, Buffer>, b: ReadonlyMap<string, Buffer>): string[] {
  const found: string[] = [];
  for (const [identity, bytes] of a) {
    const other = b.get(identity);
    if (other === undefined) found.push(`only in the first: ${identity}`);
    else if (!other.equals(bytes)) found.push(`differs: ${identity}`);
  }
  for (const identity of b.keys()) if (!a.has(identity)) found.push(`only in the second: ${identity}`);
  return found.slice(0, 10);
}

export const historyTables = ["trades", "tickers", "depth", "klines", "index_values", "dead_letters"] as const;

/** Rows of every history table, read through its FINAL view, sorted, without the wall clock: how many, and a digest. */
export async function readHistory(storeUrl: string): Promise<Record<string, { rows: number; digest: string }>> {
  const history: Record<string, { rows: number; digest: string }> = {};
  for (const table of historyTables) {
    const text = await query(
      storeUrl,
      `SELECT * EXCEPT (sent_at) FROM tickplant.${table} ORDER BY ALL FORMAT JSONEachRow`,
    );
    const rows = text === "" ? 0 : text.trimEnd().split("\n").length;
    history[table] = { rows, digest: createHash("sha256").update(text).digest("hex") };
  }
  return history;
}

/** @throws with the store's own words */
export async function query(storeUrl: string, sql: string): Promise<string> {
  const response = await fetch(storeUrl, { method: "POST", body: sql });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}
