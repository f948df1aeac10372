import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { threadId } from "node:worker_threads";
import avro from "avsc";
import { IncompatibleSchema, PlantError, UnknownSchema } from "./errors.js";
import type { SchemaRegistry } from "./registry.js";

/** What the file holds: schema texts, whose place less one is the id, and each subject's ids, oldest first. */
interface Registered {
  readonly schemas: string[];
  readonly subjects: Record<string, number[]>;
}

/** The file of an embedded registry is no registry. */
export class UnreadableRegistry extends PlantError {
  constructor(file: string, cause: unknown) {
    super("TP_REGISTRY_UNREADABLE", `${file} is no schema registry: restore it, since ids in the log hang on it`, {
      cause,
    });
  }
}

/**
 * The schema registry of the embedded plant: in process, ids from 1 in the order of registration, as Confluent's: the
 * same schema has the same id under every subject. With a file, ids outlive the process and are shared with other
 * threads that open the same file, as long as one of them registers at a time.
 */
export class EmbeddedRegistry implements SchemaRegistry {
  private registered: Registered = { schemas: [], subjects: {} };
  private readonly file: string | undefined;

  /** @throws UnreadableRegistry when the file is there and broken */
  constructor(options: { readonly file?: string } = {}) {
    this.file = options.file;
    this.load();
  }

  async register(subject: string, schema: string): Promise<number> {
    this.load();
    const type = typeOf(schema);
    const meaning = meaningOf(type);
    const ids = this.registered.subjects[subject] ?? [];
    const known = this.registered.schemas.findIndex((text) => meaningOf(typeOf(text)) === meaning) + 1;
    if (known > 0 && ids.includes(known)) return known;
    const newest = ids.at(-1);
    if (newest !== undefined) this.check(subject, type, newest);
    const id = known > 0 ? known : this.registered.schemas.length + 1;
    const schemas = known > 0 ? this.registered.schemas : [...this.registered.schemas, schema];
    this.store({ schemas, subjects: { ...this.registered.subjects, [subject]: [...ids, id] } });
    return id;
  }

  async schema(id: number): Promise<string> {
    if (this.registered.schemas[id - 1] === undefined) this.load();
    const text = this.registered.schemas[id - 1];
    if (text === undefined)
      throw new UnknownSchema(id, "the record comes from another plant, or its registry was lost");
    return text;
  }

  private check(subject: string, reader: avro.Type, newest: number): void {
    try {
      reader.createResolver(typeOf(this.registered.schemas[newest - 1] ?? "null"));
    } catch (cause) {
      throw new IncompatibleSchema(subject, cause);
    }
  }

  private load(): void {
    if (this.file === undefined || !existsSync(this.file)) return;
    try {
      const { schemas, subjects } = JSON.parse(readFileSync(this.file, "utf8")) as Registered;
      if (!Array.isArray(schemas) || typeof subjects !== "object")
        throw new TypeError("schemas or subjects are missing");
      this.registered = { schemas, subjects };
    } catch (cause) {
      throw new UnreadableRegistry(this.file, cause);
    }
  }

  /** Written beside and renamed, so that a crash leaves the old file or the new one. */
  private store(registered: Registered): void {
    if (this.file !== undefined) {
      const beside = `${this.file}.${process.pid}.${threadId}`;
      const handle = openSync(beside, "w");
      try {
        writeFileSync(handle, JSON.stringify(registered, null, 1));
        fsyncSync(handle);
      } finally {
        closeSync(handle);
      }
      renameSync(beside, this.file);
    }
    this.registered = registered;
  }
}

const typeOf = (schema: string): avro.Type => avro.Type.forSchema(JSON.parse(schema) as avro.Schema);

/** Two texts with equal meaning differ in notes and spelling at most. */
const meaningOf = (type: avro.Type): string =>
  JSON.stringify(type.schema({ exportAttrs: true }), (key, value: unknown) => (key === "doc" ? undefined : value));
