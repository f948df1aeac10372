/** Where Avro schemas get their ids. Confluent-compatible: one subject per topic value, backward compatible. */
export interface SchemaRegistry {
  /**
   * Registers a schema under a subject, or finds it there.
   *
   * @param subject e.g. `market.raw-value`
   * @param schema  Avro schema as JSON text
   * @returns the id that stands in the wire format
   * @throws IncompatibleSchema when data written with the subject's newest schema could not be read with this one
   */
  register(subject: string, schema: string): Promise<number>;
  /** The schema text of an id. @throws UnknownSchema */
  schema(id: number): Promise<string>;
}
