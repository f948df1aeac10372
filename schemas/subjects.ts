import { DEAD_LETTER } from "./avro/dead-letter.js";
import { DEPTH } from "./avro/depth.js";
import { BLOCK, CONFIRMED_TRANSACTION, LIQUIDITY_CHANGE, PENDING_TRANSACTION, POOL_SYNC, SWAP } from "./avro/dex.js";
import type { AvroRecord } from "./avro/fields.js";
import { KLINE } from "./avro/kline.js";
import { INDEX, INDEX_INPUT } from "./avro/price-index.js";
import { RAW_BATCH } from "./avro/raw-batch.js";
import { SIGNAL } from "./avro/signal.js";
import { STATE } from "./avro/state.js";
import { TICKER } from "./avro/ticker.js";
import { TRADE } from "./avro/trade.js";
import type { DexMessageOfTopic } from "./dex-messages.js";
import type { MessageOfTopic, StateRecord } from "./messages.js";
import type { RawBatch } from "./raw-tick-record.js";
import type { SchemaRegistry } from "./registry.js";

/** What a record's value on each topic decodes to. */
export interface RecordOfTopic extends MessageOfTopic, DexMessageOfTopic {
  "market.raw": RawBatch;
  "plant.state": StateRecord;
}
export type Topic = keyof RecordOfTopic;

/** Every topic's schema, in the order in which ids are given. A new topic goes to the end. */
export const SCHEMAS: Readonly<Record<Topic, AvroRecord>> = {
  "market.raw": RAW_BATCH,
  "market.trade": TRADE,
  "market.ticker": TICKER,
  "market.depth": DEPTH,
  "market.kline": KLINE,
  "market.index": INDEX,
  "index.input": INDEX_INPUT,
  "signal.alpha": SIGNAL,
  "market.dlq": DEAD_LETTER,
  "plant.state": STATE,
  "block.new": BLOCK,
  "swap.executed": SWAP,
  "liquidity.change": LIQUIDITY_CHANGE,
  "pool.sync": POOL_SYNC,
  "tx.pending": PENDING_TRANSACTION,
  "tx.confirm": CONFIRMED_TRANSACTION,
};

export const TOPICS = Object.keys(SCHEMAS) as Topic[];

/** Confluent's TopicNameStrategy. */
export const subjectOf = (topic: string): string => `${topic}-value`;

/** A topic's schema as registries get it. */
export const schemaText = (topic: Topic): string => JSON.stringify(SCHEMAS[topic]);

export type SchemaIds = Readonly<Record<Topic, number>>;

/**
 * Registers every topic's schema, one after the other, so that a fresh registry always gives the same ids.
 *
 * @throws IncompatibleSchema when a registered schema could no longer be read
 */
export function registerAll(registry: SchemaRegistry): Promise<SchemaIds> {
  return idsBy((subject, schema) => registry.register(subject, schema));
}

/**
 * The ids of every topic's schema, as they were registered before.
 *
 * @throws SchemaNotRegistered
 */
export function lookupAll(registry: SchemaRegistry): Promise<SchemaIds> {
  return idsBy((subject, schema) => registry.lookup(subject, schema));
}

async function idsBy(idOf: (subject: string, schema: string) => Promise<number>): Promise<SchemaIds> {
  const ids: Partial<Record<Topic, number>> = {};
  for (const topic of TOPICS) ids[topic] = await idOf(subjectOf(topic), schemaText(topic));
  return ids as SchemaIds;
}
