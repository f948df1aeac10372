import avro from "avsc";
import { sortedText, spelledOut } from "./schema-json.js";

/** The type that a schema's text says; each with names of its own, so that many schemas may use the same ones. */
export const typeOfText = (schema: string): avro.Type => avro.Type.forSchema(JSON.parse(schema) as avro.Schema);

const notes = new Set(["doc"]);

/**
 * Two schemas with equal meaning differ in notes and spelling at most. Avro's parsing canonical form would not do: it says
 * how bytes are read, and leaves out what readers take them for: defaults, of enums too, aliases, logical types with scale
 * and precision, and attributes of somebody's own, such as a unit.
 * https://avro.apache.org/docs/1.12.0/specification/#parsing-canonical-form-for-schemas
 *
 * @throws Error for what is no schema
 */
export function meaningOf(schema: string): string {
  typeOfText(schema);
  return sortedText(spelledOut(JSON.parse(schema)), notes);
}

/** Why a schema can not read what another one wrote; undefined when it can. */
export function whyUnreadable(reader: avro.Type, writer: avro.Type): Error | undefined {
  try {
    reader.createResolver(writer);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
