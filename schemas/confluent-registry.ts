import { IncompatibleSchema, SchemaNotRegistered, UnknownSchema } from "./errors.js";
import type { SchemaRegistry } from "./registry.js";
import { type RegistryAddress, RegistryRequests } from "./registry-requests.js";
import { meaningOf, typeOfText, whyUnreadable } from "./schema-meaning.js";

export interface ConfluentRegistryOptions extends RegistryAddress {
  /** Stands before every subject, with a dot, so that plants may share a registry. */
  readonly namespace?: string | undefined;
}

const backward = "BACKWARD";

/**
 * A Confluent-compatible schema registry. What it has answered once is kept, so that a registry that is down disturbs
 * nothing but what is new. A subject without a compatibility of its own is set to BACKWARD at its first registration;
 * one that somebody has set stays.
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
    const registered = await this.find(subject, schema);
    if (registered !== undefined) return registered;
    const name = this.prefix + subject;
    const set = await this.requests.compatibility(name);
    if (set === undefined || set === "NONE") await this.requests.setCompatibility(name, backward);
    return this.keep(subject, schema, await this.requests.register(name, schema));
  }

  async check(subject: string, schema: string): Promise<number | undefined> {
    const registered = await this.find(subject, schema);
    if (registered !== undefined) return registered;
    const name = this.prefix + subject;
    const newest = await this.requests.version(name, "latest");
    if (newest === undefined) return undefined;
    const why = whyUnreadable(typeOfText(schema), typeOfText(newest.schema));
    if (why !== undefined) throw new IncompatibleSchema(name, why);
    if (await this.requests.isCompatible(name, schema)) return undefined;
    throw new IncompatibleSchema(name, "the registry's compatibility setting for it refuses");
  }

  async lookup(subject: string, schema: string): Promise<number> {
    const registered = await this.find(subject, schema);
    if (registered === undefined) throw new SchemaNotRegistered(this.prefix + subject);
    return registered;
  }

  async schema(id: number): Promise<string> {
    const known = this.texts.get(id);
    if (known !== undefined) return known;
    const text = await this.requests.schema(id);
    if (text === undefined) throw new UnknownSchema(id, "the record comes from a plant with another registry");
    this.texts.set(id, text);
    return text;
  }

  /** The id of a schema under a subject, as it is spelled, else of one that differs in notes and spelling at most. */
  private async find(subject: string, schema: string): Promise<number | undefined> {
    const known = this.ids.get(keyOf(subject, schema));
    if (known !== undefined) return known;
    const meaning = meaningOf(typeOfText(schema));
    const name = this.prefix + subject;
    const same = await this.requests.find(name, schema);
    if (same !== undefined) return this.keep(subject, schema, same);
    const newest = await this.requests.version(name, "latest");
    for (let number = newest?.version ?? 0; number > 0; number--) {
      const version = number === newest?.version ? newest : await this.requests.version(name, number);
      if (version === undefined || meaningOf(typeOfText(version.schema)) !== meaning) continue;
      return this.keep(subject, schema, version.id);
    }
    return undefined;
  }

  private keep(subject: string, schema: string, id: number): number {
    this.ids.set(keyOf(subject, schema), id);
    return id;
  }
}

const keyOf = (subject: string, schema: string): string => `${subject}\n${schema}`;
