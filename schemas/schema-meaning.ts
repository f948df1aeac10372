import avro from "avsc";

/** The type that a schema's text says; each with names of its own, so that many schemas may use the same ones. */
export const typeOfText = (schema: string): avro.Type => avro.Type.forSchema(JSON.parse(schema) as avro.Schema);

/** Two schemas with equal meaning differ in notes and spelling at most. */
export const meaningOf = (type: avro.Type): string =>
  JSON.stringify(type.schema({ exportAttrs: true }), (key, value: unknown) => (key === "doc" ? undefined : value));

/** Why a schema can not read what another one wrote; undefined when it can. */
export function whyUnreadable(reader: avro.Type, writer: avro.Type): Error | undefined {
  try {
    reader.createResolver(writer);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
