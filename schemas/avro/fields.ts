import type { Schema } from "avsc";

/** Every record stands in this namespace, e.g. `tickplant.Trade`. */
const NAMESPACE = "tickplant";

export interface AvroField {
  readonly name: string;
  readonly type: Schema;
  readonly default?: unknown;
  readonly doc?: string;
}

export interface AvroRecord {
  readonly type: "record";
  readonly name: string;
  readonly namespace?: string;
  readonly doc?: string;
  readonly fields: readonly AvroField[];
}

const named = (name: string, type: Schema, doc?: string): AvroField =>
  doc === undefined ? { name, type } : { name, type, doc };

export const text = (name: string, doc?: string): AvroField => named(name, "string", doc);
/** Every long is a safe integer; a time is µs since the epoch, UTC. */
export const long = (name: string, doc?: string): AvroField => named(name, "long", doc);
export const flag = (name: string, doc?: string): AvroField => named(name, "boolean", doc);
export const typed = (name: string, type: unknown, doc?: string): AvroField => named(name, type as Schema, doc);

/** A field that may be absent: null by default, hence it may also be added to a schema later. */
export function nullable(name: string, type: unknown, doc?: string): AvroField {
  return { ...named(name, ["null", type] as Schema, doc), default: null };
}

/** An array; empty by default, hence it may also be added to a schema later. */
export function list(name: string, items: unknown, doc?: string): AvroField {
  return { ...named(name, { type: "array", items } as Schema, doc), default: [] };
}

export const enumeration = (name: string, symbols: readonly string[]) => ({ type: "enum", name, symbols });

export function record(name: string, fields: readonly AvroField[], doc?: string): AvroRecord {
  const head = { type: "record", name, namespace: NAMESPACE } as const;
  return doc === undefined ? { ...head, fields } : { ...head, doc, fields };
}

/** What every message of an output stream has: its time, and where it stands in its stream. */
export const STREAM = [long("timestamp", "µs since the epoch, UTC"), long("epoch"), long("sequence_num")];

/** A time that older records lack: 0 where it is not known. */
const laterTime = (name: string, doc: string): AvroField => ({ ...named(name, "long", doc), default: 0 });

/** When the newest tick of a message reached the plant. */
export const RECEIVE_TIME = laterTime("receive_time", "µs since the epoch, UTC: when its newest tick was received");
/** What every output has of time beside its own, at the end of its record. */
export const TIMES = [
  laterTime("log_time", "µs since the epoch, UTC: the highest receive time of its partition so far, or a timer's"),
  RECEIVE_TIME,
];

/** A record inside another one, in the namespace of its parent. */
export const nested = (name: string, fields: readonly AvroField[]): AvroRecord => ({ type: "record", name, fields });

/**
 * Levels of a book: arrays of [price, qty]. An inner array of exactly two texts rather than a record, since it is the
 * very shape of the messages and of their JSON: nothing is converted on the way, at the cost of two bytes a level.
 */
export const LEVELS = { type: "array", items: { type: "array", items: "string" } };
