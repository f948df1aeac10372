import type avro from "avsc";
import { RAW_BATCH } from "./avro/raw-batch.js";
import { avroType } from "./avro/type.js";

/** avsc's codec of a whole batch: the measure of the specialised ones, and what reads older schemas. */
export const rawBatchType = avroType(RAW_BATCH);

const ticks = (rawBatchType as avro.types.RecordType).fields[1]?.type as avro.types.ArrayType;
/** avsc's codec of one tick. */
export const rawTickType = ticks.itemsType;
