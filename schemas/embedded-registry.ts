import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { threadId } from "node:worker_threads";
import type avro from "avsc";
import { IncompatibleSchema, PlantError, SchemaNotRegistered, UnknownSchema } from "./errors.js";
import type { SchemaRegistry } from "./registry.js";
import { meaningOf, typeOfText, whyUnreadable } from "./schema-meaning.js";

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
  private readonly meanings = new Map<string, string>();

  /** @throws UnreadableRegistry when the file is there and broken */
  constructor(options: { readonly file?: string } = {}) {
    this.file = options.file;
    this.load();
  }

  async register(subject: string, schema: string): Promise<number> {
    const registered = await this.check(subject, schema);
    if (registered !== undefined) return registered;
    const ids = this.registered.subjects[subject] ?? [];
    const known = this.idOf(schema);
    const schemas = known === undefined ? [...this.registered.schemas, schema] : this.registered.schemas;
    const id = known ?? schemas.length;
    this.store({ schemas, subjects: { ...this.registered.subjects, [subject]: [...ids, id] } });
    return id;
  }

  async check(subject: string, schema: string): Promise<number | undefined> {
    this.load();
    const ids = this.registered.subjects[subject] ?? [];
    const known = this.idOf(schema);
    if (known !== undefined && ids.includes(known)) return known;
    const newest = ids.at(-1);
    const why = newest === undefined ? undefined : whyUnreadable(typeOfText(schema), this.typeOf(newest));
    if (why !== undefined) throw new IncompatibleSchema(subject, why);
    return undefined;
  }

  async lookup(subject: string, schema: string): Promise<number> {
    this.load();
    const known = this.idOf(schema);
    if (known !== undefined && this.registered.subjects[subject]?.includes(known)) return known;
    throw new SchemaNotRegistered(subject);
  }

  async schema(id: number): Promise<string> {
    if (this.registered.schemas[id - 1] === undefined) this.load();
    const text = this.registered.schemas[id - 1];
    if (text === undefined)
      throw new UnknownSchema(id, "the record comes from another plant, or its registry was lost");
    return text;
  }

  private idOf(schema: string): number | undefined {
    const { schemas } = this.registered;
    // what a plant registers at its start is mostly there letter by letter
    const same = schemas.indexOf(schema);
    if (same >= 0) return same + 1;
    const meaning = this.meaning(schema);
    const place = schemas.findIndex((text) => this.meaning(text) === meaning);
    return place < 0 ? undefined : place + 1;
  }

  private meaning(schema: string): string {
    const known = this.meanings.get(schema) ?? meaningOf(schema);
    this.meanings.set(schema, known);
    return known;
  }

  private typeOf(id: number): avro.Type {
    return typeOfText(this.registered.schemas[id - 1] ?? '"null"');
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
      try {
        const handle = openSync(beside, "w");
        try {
          writeFileSync(handle, JSON.stringify(registered, null, 1));
          fsyncSync(handle);
        } finally {
          closeSync(handle);
        }
        renameSync(beside, this.file);
      } catch (error) {
        rmSync(beside, { force: true });
        throw error;
      }
    }
    this.registered = registered;
  }
}
