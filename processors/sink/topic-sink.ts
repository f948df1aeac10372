import type { StoredRecord } from "../../infra/log/log.js";
import { type RowText, rowTexts, UnfitValue } from "../../infra/store/row-text.js";
import { RowTranscoder } from "../../infra/store/row-transcoder.js";
import type { StoredTopic } from "../../infra/store/store.js";
import { StoreRefused } from "../../infra/store/store-errors.js";
import { IncompatibleSchema, UnknownSchema, UnreadableRecord } from "../../schemas/errors.js";
import type { DeadLetter, MessageOfTopic } from "../../schemas/messages.js";
import type { Micros } from "../../schemas/words.js";
import type { SinkPorts, StoredCodec } from "./sink.js";
import type { StoreWriter } from "./store-writer.js";

/** Where the rows that gather for one insert came from. Their text gathers in the transcoder meanwhile. */
class Batch {
  /** Where each row's text ends. */
  readonly ends: number[] = [];
  readonly partitions: number[] = [];
  readonly offsets: number[] = [];
  readonly timestamps: Micros[] = [];
  /** Next offset to read, by partition, once this batch is stored. */
  readonly positions = new Map<number, number>();
  /** Records that are no message, or no row. */
  readonly letters: DeadLetter[] = [];
}

/**
 * Gathers one topic's rows and writes them batch by batch, in order. While one batch is being stored the next one
 * fills; when that is full too, `add` waits, which holds the log's reader back.
 */
export class TopicSink<Topic extends StoredTopic> {
  private batch = new Batch();
  private storing: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private readonly codec: StoredCodec<MessageOfTopic[Topic]>;
  private readonly rowText: RowText<MessageOfTopic[Topic]>;
  private readonly rows: RowTranscoder;

  constructor(
    private readonly topic: Topic,
    private readonly ports: SinkPorts,
    private readonly writer: StoreWriter,
    private readonly fail: (error: unknown) => void,
  ) {
    this.codec = ports.codecs[topic];
    this.rowText = rowTexts[topic] as RowText<MessageOfTopic[Topic]>;
    this.rows = new RowTranscoder(topic, this.codec.schemaId);
    for (const status of ["ok", "error", "refused"]) ports.metrics.storeRows.inc({ topic, status }, 0);
  }

  /** Takes records over; resolves when there is room for more. */
  async add(partition: number, records: readonly StoredRecord[]): Promise<void> {
    const { rows, bytes } = this.ports.settings;
    for (const record of records) {
      if (record.value === null) this.batch.positions.set(partition, record.offset + 1);
      else if (this.rows.append(record.value, record.timestamp)) this.added(partition, record);
      else await this.addSlowly(partition, record, record.value);
      if (this.batch.ends.length >= rows || this.rows.length >= bytes) await this.flush();
    }
    if (this.batch.positions.size > 0) {
      this.timer ??= setTimeout(() => this.flush().catch(this.fail), this.ports.settings.ms);
    }
  }

  /** Resolves when all that was taken so far is stored and committed. */
  async drain(): Promise<void> {
    await this.flush();
    await this.storing;
  }

  private added(partition: number, record: StoredRecord): void {
    const { batch } = this;
    batch.positions.set(partition, record.offset + 1);
    batch.ends.push(this.rows.length);
    batch.partitions.push(partition);
    batch.offsets.push(record.offset);
    batch.timestamps.push(record.timestamp);
  }

  /** By way of the message: another schema, a topic with few records, or something that is wrong. */
  private async addSlowly(partition: number, record: StoredRecord, value: Uint8Array): Promise<void> {
    const { offset, timestamp } = record;
    try {
      const message = await this.read(value);
      this.rows.appendText(this.rowText.row(message, timestamp));
      this.added(partition, record);
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === undefined || !(error instanceof Error)) throw error;
      this.batch.positions.set(partition, offset + 1);
      this.batch.letters.push(this.letter(reason, error.message, partition, offset, timestamp, value));
    }
  }

  private async read(value: Uint8Array): Promise<MessageOfTopic[Topic]> {
    try {
      return this.codec.decode(value);
    } catch (error) {
      if (error instanceof UnknownSchema) return await this.codec.read(value);
      throw error;
    }
  }

  /** Waits for the batch that is being stored and starts with the one that has gathered. */
  private async flush(): Promise<void> {
    const batch = this.batch;
    await this.storing;
    // Somebody else who waited for the same batch may have started this one.
    if (this.batch !== batch) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    if (batch.positions.size === 0) return;
    this.batch = new Batch();
    this.storing = this.store(batch, this.rows.take());
    this.storing.catch(this.fail);
  }

  private async store(batch: Batch, rows: Buffer): Promise<void> {
    const { log, store, metrics, settings } = this.ports;
    const { ends, letters, positions } = batch;
    const refused = await this.writer.write(ends.length, (from, to) =>
      this.counted(to - from, () =>
        store.insertRows(this.topic, rows.subarray(from === 0 ? 0 : ends[from - 1], ends[to - 1])),
      ),
    );
    for (const { row, reason } of refused) {
      const [partition, offset] = [batch.partitions[row] ?? 0, batch.offsets[row] ?? 0];
      const original = await this.original(partition, offset);
      letters.push(this.letter("unstorable", reason, partition, offset, batch.timestamps[row] ?? 0, original));
    }
    await this.refuse(letters);
    for (const [partition, offset] of positions) {
      await this.writer.persist("the sink's position", () => log.commit(settings.group, this.topic, partition, offset));
    }
    metrics.consumerMessages.inc({ topic: this.topic, consumer_group: settings.group }, ends.length);
  }

  /** One attempt to insert rows. A refusal of several says nothing of each: they are tried apart. */
  private async counted(rows: number, insert: () => Promise<void>): Promise<void> {
    const { storeRows, storeInserts } = this.ports.metrics;
    const { topic } = this;
    const since = performance.now();
    try {
      await insert();
      storeInserts.observe({ topic }, (performance.now() - since) / 1000);
      storeRows.inc({ topic, status: "ok" }, rows);
    } catch (error) {
      if (!(error instanceof StoreRefused)) storeRows.inc({ topic, status: "error" }, rows);
      else if (rows === 1) storeRows.inc({ topic, status: "refused" });
      throw error;
    }
  }

  /** The record's own bytes, read again: keeping a copy of each would cost every good one. */
  private async original(partition: number, offset: number): Promise<Uint8Array> {
    try {
      const [record] = await this.ports.log.read(this.topic, partition, offset, 1);
      return record?.offset === offset && record.value !== null ? record.value : new Uint8Array(0);
    } catch {
      return new Uint8Array(0);
    }
  }

  private letter(
    reason: string,
    detail: string,
    partition: number,
    offset: number,
    timestamp: Micros,
    original: Uint8Array,
  ): DeadLetter {
    const origin = { topic: this.topic, partition, offset, index: 0, exchange: "", symbol: "" };
    const what = { reason, detail, original: Uint8Array.from(original) };
    return { ...origin, ...what, timestamp, epoch: 0, sequence_num: 0, log_time: 0, receive_time: 0 };
  }

  /**
   * What can not be stored goes to the table of dead letters itself: partitions of market.dlq belong to the tasks, and
   * a letter about a letter would come back here.
   */
  private async refuse(letters: readonly DeadLetter[]): Promise<void> {
    for (const { topic, reason, partition, offset, detail } of letters) {
      this.ports.metrics.deadLetters.inc({ topic, reason });
      this.ports.logger.warn(
        { topic, partition, offset, reason, detail },
        "a record can not be stored: see dead_letters",
      );
    }
    const lost = await this.writer.write(letters.length, (from, to) =>
      this.ports.store.insert("market.dlq", letters.slice(from, to)),
    );
    for (const { row, reason } of lost) {
      this.ports.logger.error({ letter: letters[row]?.detail, reason }, "not even its dead letter can be stored");
      this.ports.metrics.dropped.inc({ place: "sink", reason: "dead_letter_refused" });
    }
  }
}

/** Why a record becomes a dead letter; undefined for what is no fault of the record. */
function reasonOf(error: unknown): "unreadable" | "unstorable" | undefined {
  if (error instanceof UnfitValue) return "unstorable";
  const ofItsBytes = [UnreadableRecord, UnknownSchema, IncompatibleSchema].some((kind) => error instanceof kind);
  return ofItsBytes ? "unreadable" : undefined;
}
