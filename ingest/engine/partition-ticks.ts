import type { StoredRecord } from "../../infra/log/log.js";
import type { RawTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import { gapTick } from "../book-feed.js";
import { Publisher } from "../publisher.js";
import type { SourceParts } from "../source.js";
import type { EngineOptions } from "./engine-source.js";
import { EngineUnavailable } from "./errors.js";
import { engineSession, markNumber, tickNumber } from "./numbering.js";
import type { TopicReader } from "./topic-reader.js";

/** A trade that is older when it is read was caught up with: never "too old". */
const caughtUpAfter: Micros = 60_000_000;

const RECORDS_AT_ONCE = 100;

/** One partition of an engine's topic on its way into `market.raw`, under a session of its own. */
export class PartitionTicks {
  readonly #publisher: Publisher;
  #lost = false;
  #closed = false;

  constructor(
    private readonly reader: TopicReader,
    private readonly partition: number,
    private readonly options: EngineOptions,
    private readonly parts: SourceParts,
  ) {
    const { log, metrics, logger } = parts;
    this.#publisher = new Publisher({
      ...options.publisher,
      log,
      schemaId: options.schemaId,
      session: engineSession(options.config.id, options.config.generation, reader.topic, partition),
      metrics,
      logger,
      repeatable: true,
    });
  }

  /**
   * Resolves when the ticks of the records stand in the log.
   *
   * @throws EngineUnavailable when they do not: the records have to be read again
   */
  async take(records: readonly StoredRecord[]): Promise<void> {
    const { clock, metrics } = this.parts;
    for (const [index, record] of records.entries()) {
      // sockets of venues wait for this very loop
      if (index % RECORDS_AT_ONCE === RECORDS_AT_ONCE - 1) await new Promise(setImmediate);
      await this.#publisher.room();
      const now = clock();
      const { ticks, skipped, refused } = await this.reader.read(record, this.partition, now);
      // what a closed publisher drops must not count as taken
      if (this.#closed) throw new EngineUnavailable(this.options.config.id, "it stops");
      if (this.#lost) this.#markLoss(record.offset, now);
      ticks.forEach((tick, index) => {
        this.#publisher.publish(asRead(tick, now), tickNumber(record.offset, index));
      });
      for (const reason of skipped) metrics.dropped.inc({ place: "engine", reason });
      if (refused !== undefined) this.#refuse(record, refused, now);
    }
    if (await this.#publisher.confirmed()) return;
    throw new EngineUnavailable(this.options.config.id, "the plant's log did not take its ticks");
  }

  /** Records were gone before they were read: its books are not right any more. */
  lost(): void {
    this.#lost = true;
  }

  /** Drains what was published; what is read from here on is not taken. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#publisher.close();
  }

  #markLoss(offset: number, receiveTime: Micros): void {
    this.#lost = false;
    const { id: exchange, streams, markets } = this.options.config;
    const hasBooks = streams.some(({ topic, kind }) => kind === "depth" && topic === this.reader.topic);
    if (!hasBooks) return;
    markets.forEach(({ symbol }, index) => {
      this.#publisher.publish(
        gapTick("lost_to_retention", { exchange, symbol, receiveTime }, 0),
        markNumber(offset, index),
      );
    });
  }

  #refuse({ value, offset }: StoredRecord, refused: { reason: string; detail: string }, now: Micros): void {
    const detail = `${this.reader.topic}/${this.partition} ${offset}: ${refused.detail}`;
    this.parts.deadLetters.frame(this.options.config.id, value!, refused.reason, detail, now);
  }
}

function asRead(tick: RawTick, now: Micros): RawTick {
  return tick.kind === "trade" && now - tick.exchangeTime > caughtUpAfter ? { ...tick, backfilled: true } : tick;
}
