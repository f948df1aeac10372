import { IncompatibleSchema, SchemaNotRegistered, UnknownSchema } from "./errors.js";
import { withReferences } from "./referenced-schemas.js";
import type { SchemaRegistry } from "./registry.js";
import { type RegistryAddress, RegistryRequests, type SubjectVersion } from "./registry-requests.js";
import { meaningOf, typeOfText, whyUnreadable } from "./schema-meaning.js";

export interface ConfluentRegistryOptions extends RegistryAddress {
  /** Stands before every subject, with a dot, so that plants may share a registry. */
  readonly namespace?: string | undefined;
}

const backward = "BACKWARD";

/**
 * A Confluent-compatible schema registry. What it has answered once is kept, so that a registry that is down disturbs
 * nothing but what is new. A subject where the rule in force, its own or that of the whole registry, is NONE is set to
 * BACKWARD at its first registration. Any other rule stays: the stricter ones ask for more, and for what FORWARD leaves
 * out every new schema is held against the newest here.
 */
export class ConfluentRegistry implements SchemaRegistry {
  private readonly requests: RegistryRequests;
  private readonly prefix: string;
  private readonly ids = new Map<string, number>();
  private readonly texts = new Map<number, string>();

  constructor(options: ConfluentRegistryOptions) {
    this.requests = new RegistryRequests(options);
    this.prefix = options.namespace ? `${options.namespace}.` : "";
  }

  async register(subject: string, schema: string): Promise<number> {
    const { id: registered, newest } = await this.find(subject, schema);
    if (registered !== undefined) return registered;
    const name = this.prefix + subject;
    refuseUnreadable(name, schema, newest);
    const rule = await this.requests.compatibility(name);
    if (rule === undefined || rule === "NONE") await this.requests.setCompatibility(name, backward);
    return this.keep(subject, schema, await this.requests.register(name, schema));
  }

  async check(subject: string, schema: string): Promise<number | undefined> {
    const { id: registered, newest } = await this.find(subject, schema);
    if (registered !== undefined) return registered;
    if (newest === undefined) return undefined;
    const name = this.prefix + subject;
    refuseUnreadable(name, schema, newest);
    if (await this.requests.isCompatible(name, schema)) return undefined;
    throw new IncompatibleSchema(name, "the registry's compatibility setting for it refuses");
  }

  async lookup(subject: string, schema: string): Promise<number> {
    const { id: registered } = await this.find(subject, schema);
    if (registered === undefined) throw new SchemaNotRegistered(this.prefix + subject);
    return registered;
  }

  async schema(id: number): Promise<string> {
    const known = this.texts.get(id);
    if (known !== undefined) return known;
    const stored = await this.requests.schema(id);
    if (stored === undefined) throw new UnknownSchema(id, "the record comes from a plant with another registry");
    const text = await withReferences(`schema ${id}`, stored, (subject, version) =>
      this.requests.version(subject, version),
    );
    this.texts.set(id, text);
    return text;
  }

  /** The id of a schema under a subject, as it is spelled, else of one that differs in notes and spelling at most. */
  private async find(subject: string, schema: string): Promise<{ id?: number; newest?: SubjectVersion | undefined }> {
    const known = this.ids.get(keyOf(subject, schema));
    if (known !== undefined) return { id: known };
    const meaning = meaningOf(schema);
    const name = this.prefix + subject;
    const same = await this.requests.find(name, schema);
    // registries have notions of their own of what is the same
    if (same !== undefined && meaningOf(await this.schema(same)) === meaning) {
      return { id: this.keep(subject, schema, same) };
    }
    const newest = await this.requests.version(name, "latest");
    for (let number = newest?.version ?? 0; number > 0; number--) {
      const version = number === newest?.version ? newest : await this.requests.version(name, number);
      if (version === undefined || meaningOf(version.schema) !== meaning) continue;
      return { id: this.keep(subject, schema, version.id) };
    }
    return { newest };
  }

  private keep(subject: string, schema: string, id: number): number {
    this.ids.set(keyOf(subject, schema), id);
    return id;
  }
}

/** @throws IncompatibleSchema */
function refuseUnreadable(name: string, schema: string, newest: SubjectVersion | undefined): void {
  const why = newest && whyUnreadable(typeOfText(schema), typeOfText(newest.schema));
  if (why !== undefined) throw new IncompatibleSchema(name, why);
}

const keyOf = (subject: string, schema: string): string => `${subject}\n${schema}`;
