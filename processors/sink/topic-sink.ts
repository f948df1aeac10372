import type { StoredRecord } from "../../infra/log/log.js";
import type { StoredTopic } from "../../infra/store/store.js";
import { IncompatibleSchema, UnknownSchema, UnreadableRecord } from "../../schemas/errors.js";
import type { DeadLetter, MessageOfTopic } from "../../schemas/messages.js";
import type { Micros } from "../../schemas/words.js";
import type { SinkPorts, StoredCodec } from "./sink.js";
import type { StoreWriter } from "./store-writer.js";

/** Bytes that are none of the topic's messages. */
class Unreadable {
  constructor(readonly why: string) {}
}

/** The rows of one topic that gather for one insert, and where in the log each came from. */
class Batch<Topic extends StoredTopic> {
  readonly messages: MessageOfTopic[Topic][] = [];
  readonly partitions: number[] = [];
  readonly offsets: number[] = [];
  readonly timestamps: Micros[] = [];
  /** Next offset to read, by partition, once this batch is stored. */
  readonly positions = new Map<number, number>();
  /** What could not be decoded, bytes copied. */
  readonly unreadable: DeadLetter[] = [];
  bytes = 0;

  get empty(): boolean {
    return this.positions.size === 0;
  }
}

/**
 * Gathers one topic's messages and writes them batch by batch, in order. While one batch is being stored the next one
 * fills; when that is full too, `add` waits, which holds the log's reader back.
 */
export class TopicSink<Topic extends StoredTopic> {
  private batch = new Batch<Topic>();
  private storing: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private readonly codec: StoredCodec<MessageOfTopic[Topic]>;

  constructor(
    private readonly topic: Topic,
    private readonly ports: SinkPorts,
    private readonly writer: StoreWriter,
    private readonly fail: (error: unknown) => void,
  ) {
    this.codec = ports.codecs[topic];
  }

  /** Takes records over; resolves when there is room for more. */
  async add(partition: number, records: readonly StoredRecord[]): Promise<void> {
    const { rows, bytes } = this.ports.settings;
    for (const record of records) {
      let message: MessageOfTopic[Topic] | Unreadable | undefined;
      if (record.value !== null) {
        try {
          message = this.codec.decode(record.value);
        } catch (error) {
          message = await this.readOtherwise(record.value, error);
        }
      }
      this.take(partition, record, message);
      if (this.batch.messages.length >= rows || this.batch.bytes >= bytes) await this.flush();
    }
    if (!this.batch.empty) this.timer ??= setTimeout(() => this.flush().catch(this.fail), this.ports.settings.ms);
  }

  /** Resolves when all that was taken so far is stored and committed. */
  async drain(): Promise<void> {
    await this.flush();
    await this.storing;
  }

  /** Waits for the batch that is being stored and starts with the one that has gathered. */
  private async flush(): Promise<void> {
    const batch = this.batch;
    await this.storing;
    // Somebody else who waited for the same batch may have started this one.
    if (this.batch !== batch) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    if (batch.empty) return;
    this.batch = new Batch<Topic>();
    this.storing = this.store(batch);
    this.storing.catch(this.fail);
  }

  /** Written with a schema that is new here, or no message of the topic at all. */
  private async readOtherwise(value: Uint8Array, error: unknown): Promise<MessageOfTopic[Topic] | Unreadable> {
    let reason = error;
    if (error instanceof UnknownSchema) {
      try {
        return await this.codec.read(value);
      } catch (caught) {
        reason = caught;
      }
    }
    if (reason instanceof UnreadableRecord || reason instanceof UnknownSchema || reason instanceof IncompatibleSchema) {
      return new Unreadable(reason.message);
    }
    throw reason;
  }

  private take(partition: number, record: StoredRecord, message: MessageOfTopic[Topic] | Unreadable | undefined): void {
    const { batch } = this;
    batch.positions.set(partition, record.offset + 1);
    if (record.value === null || message === undefined) return;
    batch.bytes += record.value.length;
    const { offset, timestamp } = record;
    if (message instanceof Unreadable) {
      batch.unreadable.push(this.letter("unreadable", message.why, partition, offset, timestamp, record.value));
      return;
    }
    batch.messages.push(message);
    batch.partitions.push(partition);
    batch.offsets.push(offset);
    batch.timestamps.push(timestamp);
  }

  private async store(batch: Batch<Topic>): Promise<void> {
    const refused = await this.writer.write(this.topic, batch.messages);
    const letters = [...batch.unreadable];
    for (const { row, reason } of refused) {
      const [partition, offset] = [batch.partitions[row] ?? 0, batch.offsets[row] ?? 0];
      const original = await this.original(partition, offset);
      letters.push(this.letter("unstorable", reason, partition, offset, batch.timestamps[row] ?? 0, original));
    }
    await this.refuse(letters);
    for (const [partition, offset] of batch.positions) {
      await this.ports.log.commit(this.ports.settings.group, this.topic, partition, offset);
    }
    const labels = { topic: this.topic, consumer_group: this.ports.settings.group };
    this.ports.metrics.consumerMessages.inc(labels, batch.messages.length + batch.unreadable.length);
  }

  /** The record's own bytes, read again: keeping a copy of each would cost every good one. */
  private async original(partition: number, offset: number): Promise<Uint8Array> {
    try {
      const [record] = await this.ports.log.read(this.topic, partition, offset, 1);
      return record?.offset === offset && record.value !== null ? Uint8Array.from(record.value) : new Uint8Array(0);
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
    return { ...origin, reason, detail, original: Uint8Array.from(original), timestamp, epoch: 0, sequence_num: 0 };
  }

  /**
   * What can not be stored goes to the table of dead letters itself: partitions of market.dlq belong to the tasks, and
   * a letter about a letter would come back here.
   */
  private async refuse(letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return;
    for (const { topic, reason, partition, offset, detail } of letters) {
      this.ports.metrics.deadLetters.inc({ topic, reason });
      this.ports.logger.warn(
        { topic, partition, offset, reason, detail },
        "a record can not be stored: see dead_letters",
      );
    }
    const lost = await this.writer.write("market.dlq", letters);
    for (const { row, reason } of lost) {
      this.ports.logger.error({ letter: letters[row]?.detail, reason }, "not even its dead letter can be stored");
      this.ports.metrics.dropped.inc({ place: "sink", reason: "dead_letter_refused" });
    }
  }
}
