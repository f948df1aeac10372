import avro from "avsc";
import type { AvroRecord } from "./avro/fields.js";
import { avroType } from "./avro/type.js";
import { IncompatibleSchema, UnknownSchema, UnreadableRecord, UnwritableRecord } from "./errors.js";
import type { DeadLetter } from "./messages.js";
import { RecordScanner } from "./record-scanner.js";
import type { SchemaRegistry } from "./registry.js";
import { type RecordOfTopic, registerAll, SCHEMAS, type SchemaIds, subjectOf, TOPICS, type Topic } from "./subjects.js";
import { asBuffer, schemaIdOf, WIRE_HEAD, writeHead } from "./wire.js";

interface OwnType {
  readonly type: avro.Type;
  readonly counts: boolean;
}

/** How to read what another schema wrote. */
interface OtherWriter extends OwnType {
  readonly resolver: ReturnType<avro.Type["createResolver"]>;
}

const scanner = new RecordScanner();
/** Whether records of this type carry counts, which avsc would believe. */
const carriesCounts = (type: avro.Type): boolean => /"(array|map)"/.test(JSON.stringify(type.schema()));

function ownType(schema: AvroRecord): OwnType {
  const type = avroType(schema);
  return { type, counts: carriesCounts(type) };
}

/** Encodes and decodes the messages of one topic: Avro in the Confluent wire format. */
export class MessageCodec<Message> {
  private made: OwnType | undefined;
  private readonly others = new Map<number, OtherWriter>();
  private scratch = Buffer.alloc(4096);

  /** @param schemaId the id under which the registry knows this schema */
  constructor(
    readonly topic: string,
    private readonly schema: AvroRecord,
    readonly schemaId: number,
    private readonly registry: SchemaRegistry,
  ) {
    writeHead(this.scratch, schemaId);
  }

  /** avsc generates code for each type, and no process uses them all. */
  private get own(): OwnType {
    this.made ??= ownType(this.schema);
    return this.made;
  }

  /** The wire value, bytes of its own. @throws UnwritableRecord when a field is missing or of the wrong type */
  encode(message: Message): Uint8Array {
    try {
      const { type } = this.own;
      let end = type.encode(message, this.scratch, WIRE_HEAD);
      if (end < 0) {
        // avsc says by how much it fell short
        this.scratch = Buffer.alloc(2 * (this.scratch.length - end));
        writeHead(this.scratch, this.schemaId);
        end = type.encode(message, this.scratch, WIRE_HEAD);
      }
      return Buffer.from(this.scratch.subarray(0, end));
    } catch (cause) {
      throw new UnwritableRecord(`a message of ${this.topic} can not be encoded (${String(cause)})`, { cause });
    }
  }

  /**
   * @throws UnreadableRecord when the bytes are not what their schema says
   * @throws UnknownSchema when they were written with a schema that has not been prepared
   */
  decode(wireValue: Uint8Array): Message {
    const id = schemaIdOf(wireValue);
    const other = id === this.schemaId ? undefined : this.others.get(id);
    if (id !== this.schemaId && other === undefined) {
      throw new UnknownSchema(id, `prepare the codec of ${this.topic} for it first`);
    }
    try {
      const own = this.own;
      const writer = other ?? own;
      if (writer.counts) scanner.scan(writer.type, wireValue, WIRE_HEAD);
      return own.type.fromBuffer(asBuffer(wireValue).subarray(WIRE_HEAD), other?.resolver) as Message;
    } catch (cause) {
      throw new UnreadableRecord(`a record of ${this.topic} can not be decoded (${String(cause)})`, { cause });
    }
  }

  /** Whether decode knows the schema that wrote the value. */
  isPreparedFor(wireValue: Uint8Array): boolean {
    const id = schemaIdOf(wireValue);
    return id === this.schemaId || this.others.has(id);
  }

  /**
   * Fetches another schema of this topic, so that decode reads what it wrote.
   *
   * @throws UnknownSchema when the registry has no such id
   * @throws IncompatibleSchema when this codec's schema can not read it
   */
  async prepare(schemaId: number): Promise<void> {
    if (schemaId === this.schemaId || this.others.has(schemaId)) return;
    const text = await this.registry.schema(schemaId);
    try {
      const writer = avro.Type.forSchema(JSON.parse(text) as avro.Schema);
      const resolver = this.own.type.createResolver(writer);
      this.others.set(schemaId, { type: writer, counts: carriesCounts(writer), resolver });
    } catch (cause) {
      throw new IncompatibleSchema(subjectOf(this.topic), cause);
    }
  }

  /** Decodes whatever schema of this topic wrote the value, and fetches that schema where it is new. */
  async read(wireValue: Uint8Array): Promise<Message> {
    await this.prepare(schemaIdOf(wireValue));
    return this.decode(wireValue);
  }
}

/** avsc takes bytes as Buffers only, and hands out views of what it reads. */
class DeadLetterCodec extends MessageCodec<DeadLetter> {
  override encode(message: DeadLetter): Uint8Array {
    return super.encode({ ...message, original: asBuffer(message.original) });
  }

  override decode(wireValue: Uint8Array): DeadLetter {
    const message = super.decode(wireValue);
    return { ...message, original: new Uint8Array(message.original) };
  }
}

export type Codecs = { readonly [T in Topic]: MessageCodec<RecordOfTopic[T]> };

/** A codec for every topic. @param ids as registerAll or lookupAll gave them */
export function codecsFor(ids: SchemaIds, registry: SchemaRegistry): Codecs {
  const codecs = TOPICS.map((topic) => {
    const Codec = topic === "market.dlq" ? DeadLetterCodec : MessageCodec<unknown>;
    return [topic, new Codec(topic, SCHEMAS[topic], ids[topic], registry)];
  });
  return Object.fromEntries(codecs) as Codecs;
}

/** Registers every schema and makes the codecs. @throws IncompatibleSchema */
export async function openCodecs(registry: SchemaRegistry): Promise<Codecs> {
  return codecsFor(await registerAll(registry), registry);
}
