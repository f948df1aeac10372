/**
 * Where Avro schemas get their ids. Confluent-compatible: one subject per topic value, backward compatible. One that is
 * reached over a network throws RegistryUnavailable when it must be asked and does not answer; what it has answered once
 * it is not asked again.
 */
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
  /**
   * What register would do, without doing it.
   *
   * @returns the id under which the subject has the schema; undefined when it would be registered anew
   * @throws IncompatibleSchema where register would
   */
  check(subject: string, schema: string): Promise<number | undefined>;
  /**
   * Finds a schema that was registered before, without a right to write.
   *
   * @returns the id that stands in the wire format
   * @throws SchemaNotRegistered when the subject does not have it
   */
  lookup(subject: string, schema: string): Promise<number>;
  /** The schema text of an id. @throws UnknownSchema */
  schema(id: number): Promise<string>;
}
