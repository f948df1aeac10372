import avro from "avsc";
import { UnreadableRecord } from "../../schemas/errors.js";
import { RecordScanner } from "../../schemas/record-scanner.js";
import type { SchemaRegistry } from "../../schemas/registry.js";
import { formatUnits, unitsOf } from "../../schemas/units.js";
import { asBuffer, schemaIdOf, WIRE_HEAD } from "../../schemas/wire.js";

interface Writer {
  /** Without any meaning of its own: what the scanner walks over. */
  readonly plain: avro.Type;
  readonly exact: avro.Type;
}

/**
 * Avro records of somebody else's schemas, whatever they are: by the id in the wire format, from the registry. Values
 * stay exact: a long beyond safe integers is a bigint, a decimal its text.
 */
export class AvroValues {
  readonly #writers = new Map<number, Writer>();
  readonly #scanner = new RecordScanner();

  constructor(private readonly registry: SchemaRegistry) {}

  /**
   * @throws UnreadableRecord when the bytes are not what their schema says
   * @throws UnknownSchema, RegistryUnavailable
   */
  async read(wireValue: Uint8Array): Promise<unknown> {
    const id = schemaIdOf(wireValue);
    const writer = this.#writers.get(id) ?? (await this.#learn(id));
    try {
      this.#scanner.scan(writer.plain, wireValue, WIRE_HEAD);
      return writer.exact.fromBuffer(asBuffer(wireValue).subarray(WIRE_HEAD));
    } catch (cause) {
      throw new UnreadableRecord(`a record of schema ${id} can not be decoded (${String(cause)})`, { cause });
    }
  }

  async #learn(id: number): Promise<Writer> {
    const text = await this.registry.schema(id);
    let writer: Writer;
    try {
      const schema = () => JSON.parse(text) as avro.Schema;
      writer = {
        plain: avro.Type.forSchema(schema(), { wrapUnions: "auto" }),
        exact: avro.Type.forSchema(schema(), {
          wrapUnions: "auto",
          logicalTypes: { decimal: DecimalType },
          typeHook: exactLong,
        } as Partial<avro.ForSchemaOptions>),
      };
    } catch (cause) {
      throw new UnreadableRecord(`schema ${id} of the registry can not be used (${String(cause)})`, { cause });
    }
    this.#writers.set(id, writer);
    return writer;
  }
}

const asNumberOrBig = (value: bigint): number | bigint => unitsOf(value);

const longType = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => asNumberOrBig(bytes.readBigInt64LE()),
  toBuffer: (value: number | bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === "bigint" || Number.isSafeInteger(value),
  compare: (a: bigint, b: bigint) => (a < b ? -1 : Number(a > b)),
});

/** avsc's own longs refuse what a double can not hold. */
function exactLong(schema: unknown): avro.Type | undefined {
  const isLong = schema === "long" || (schema as { type?: unknown }).type === "long";
  return isLong ? longType : undefined;
}

/** https://avro.apache.org/docs/1.11.1/specification/#decimal: two's complement, big-endian, of bytes or fixed. */
class DecimalType extends avro.types.LogicalType {
  readonly #scale: number;

  constructor(schema: avro.Schema, options?: unknown) {
    super(schema, options);
    this.#scale = Number((schema as { scale?: number }).scale ?? 0);
  }

  protected override _fromValue(bytes: Buffer): string {
    const unsigned = bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString("hex")}`);
    return formatUnits(unitsOf(BigInt.asIntN(bytes.length * 8, unsigned)), this.#scale);
  }
}
