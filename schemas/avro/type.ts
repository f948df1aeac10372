import avro from "avsc";
import type { AvroRecord } from "./fields.js";

/** avsc's type of a schema. A fresh copy each time: avsc remembers names in what it is given. */
export const avroType = (schema: AvroRecord): avro.Type =>
  avro.Type.forSchema(structuredClone(schema) as unknown as avro.Schema);
