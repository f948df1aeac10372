import type { EngineConfig, StreamConfig } from "../../infra/config/engine-config.js";
import type { StoredRecord } from "../../infra/log/log.js";
import { RegistryUnavailable } from "../../schemas/errors.js";
import type { RawTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import { parseExactJson } from "../exact-json.js";
import type { AvroValues } from "./avro-values.js";
import { MOST_TICKS } from "./numbering.js";
import { type EngineRecord, StreamMapping } from "./stream-mapping.js";

/** What a record gave: its ticks, in order, and what was skipped or refused of it. */
export interface RecordRead {
  readonly ticks: readonly RawTick[];
  readonly skipped: readonly string[];
  readonly refused?: { readonly reason: string; readonly detail: string };
}

/** Records of one topic into ticks, by every stream that is configured of it. */
export class TopicReader {
  readonly #streams: readonly { readonly format: StreamConfig["format"]; readonly mapping: StreamMapping }[];

  constructor(
    readonly topic: string,
    { id, markets, streams }: EngineConfig,
    private readonly avro: AvroValues | undefined,
  ) {
    this.#streams = streams
      .filter((stream) => stream.topic === topic)
      .map((stream) => ({ format: stream.format, mapping: new StreamMapping(id, stream, markets) }));
  }

  /**
   * @returns ticks, or why the record is refused; a record is used whole or not at all
   * @throws RegistryUnavailable: the record may be right, so it must be read again
   */
  async read(record: StoredRecord, partition: number, receiveTime: Micros): Promise<RecordRead> {
    const { value, key, timestamp, offset } = record;
    if (value === null) return { ticks: [], skipped: ["tombstone"] };
    const ticks: RawTick[] = [];
    const skipped: string[] = [];
    try {
      for (const { format, mapping } of this.#streams) {
        const place = { key, timestamp: timestamp / 1000, offset, partition };
        const read: EngineRecord = { ...place, value: await this.#value(format, value) };
        for (const mapped of mapping.read(read, receiveTime)) {
          if ("tick" in mapped) ticks.push(mapped.tick);
          else skipped.push(mapped.skipped);
        }
      }
    } catch (error) {
      if (error instanceof RegistryUnavailable) throw error;
      return { ticks: [], skipped, refused: { reason: "unreadable_record", detail: (error as Error).message } };
    }
    if (ticks.length > MOST_TICKS) {
      const detail = `${ticks.length} ticks in a record, at most ${MOST_TICKS}`;
      return { ticks: [], skipped, refused: { reason: "too_many_ticks", detail } };
    }
    return { ticks, skipped };
  }

  async #value(format: StreamConfig["format"], value: Uint8Array): Promise<unknown> {
    if (format === "avro") return this.avro!.read(value);
    return parseExactJson(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8"));
  }
}
