import { IncompatibleSchema, RegistryRefused, RegistryUnavailable, UnreadableRecord } from "./errors.js";
import type { SchemaReference, StoredSchema } from "./referenced-schemas.js";

export interface RegistryAddress {
  /** Base URL of the Confluent-compatible interface. */
  readonly url: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Milliseconds that one request may take, its whole answer included. */
  readonly timeoutMs?: number | undefined;
  /** How often a request is made again while the registry does not answer, with growing pauses up to 5 s. */
  readonly retries?: number | undefined;
}

/** A schema as one of a subject's versions, which count from 1. */
export interface SubjectVersion extends StoredSchema {
  readonly version: number;
  readonly id: number;
}

type Fields = Readonly<Record<string, unknown>>;

interface Answer {
  readonly status: number;
  readonly fields: Fields;
}

interface Request {
  readonly method?: "POST" | "PUT";
  readonly body?: Fields;
}

const defaultTimeoutMs = 3_000;
const defaultRetries = 5;
const firstPauseMs = 100;
const longestPauseMs = 5_000;
const MOST_BYTES = 8 * 1024 * 1024;
/** The wire format has four bytes for an id. */
const mostId = 2 ** 31 - 1;
const contentType = "application/vnd.schemaregistry.v1+json";
const transient = new Set([408, 425, 429]);

/**
 * The requests of a Confluent-compatible registry. What is no answer of a registry, a proxy's page for one, is never taken
 * for one. https://docs.confluent.io/platform/current/schema-registry/develop/api.html
 */
export class RegistryRequests {
  private readonly timeout: number;
  private readonly retries: number;
  /** Without user and password. */
  private readonly url: string;
  private readonly headers: Readonly<Record<string, string>>;

  constructor({ url, user, password, timeoutMs, retries }: RegistryAddress) {
    const host = new URL(url);
    const [name, secret] = [user || decodeURIComponent(host.username), password || decodeURIComponent(host.password)];
    host.username = host.password = "";
    this.url = host.href.replace(/\/$/, "");
    this.timeout = timeoutMs ?? defaultTimeoutMs;
    this.retries = retries ?? defaultRetries;
    const basic = Buffer.from(`${name}:${secret}`).toString("base64");
    this.headers = {
      accept: `${contentType}, application/json`,
      "content-type": contentType,
      "user-agent": "tickplant",
      ...(name !== "" && { authorization: `Basic ${basic}` }),
    };
  }

  /** Id of a schema under a subject, as the registry compares; undefined when it finds none. */
  async find(subject: string, schema: string): Promise<number | undefined> {
    const found = await this.ask(`/subjects/${name(subject)}`, { method: "POST", body: { schema } });
    return found && this.idOf(found);
  }

  /** One version of a subject, or its latest. */
  async version(subject: string, version: number | "latest"): Promise<SubjectVersion | undefined> {
    const found = await this.ask(`/subjects/${name(subject)}/versions/${version}`);
    return found && { ...this.storedOf(found), id: this.idOf(found), version: this.numberOf(found, "version") };
  }

  /** The schema of an id. */
  async schema(id: number): Promise<StoredSchema | undefined> {
    const found = await this.ask(`/schemas/ids/${id}`);
    return found && this.storedOf(found);
  }

  /** The compatibility rule in force for a subject: its own, else that of the whole registry; undefined for none. */
  async compatibility(subject: string): Promise<string | undefined> {
    const found =
      (await this.ask(`/config/${name(subject)}?defaultToGlobal=true`)) ??
      // one that does not know that question
      (await this.ask("/config"));
    if (found === undefined) return undefined;
    const level = found.compatibilityLevel ?? found.compatibility;
    if (typeof level !== "string") throw this.nonsense("a compatibility level");
    return level.toUpperCase();
  }

  async setCompatibility(subject: string, compatibility: string): Promise<void> {
    await this.ask(`/config/${name(subject)}`, { method: "PUT", body: { compatibility } });
  }

  /** Whether the registry would take a schema under a subject, as the rule in force there is. */
  async isCompatible(subject: string, schema: string): Promise<boolean> {
    const request: Request = { method: "POST", body: { schema } };
    const versions = `/compatibility/subjects/${name(subject)}/versions`;
    // the first also where the rule is about all versions; some registries have the second alone
    const found = (await this.ask(versions, request, 405)) ?? (await this.ask(`${versions}/latest`, request));
    return found?.is_compatible !== false;
  }

  /** Adds a schema to a subject. @returns its id. @throws IncompatibleSchema */
  async register(subject: string, schema: string): Promise<number> {
    const request: Request = { method: "POST", body: { schema } };
    const found = await this.ask(`/subjects/${name(subject)}/versions`, request, 409);
    if (found === undefined) throw new RegistryRefused(this.url, `${subject} can not be registered there`);
    if (found.conflict !== undefined) throw new IncompatibleSchema(subject, found.conflict);
    return this.idOf(found);
  }

  /**
   * Asks, again where nobody answers. Every request here may be repeated.
   *
   * @param also a status that is no error of the request: 405 counts as not there, 409 comes as `conflict`
   * @returns undefined for what is not there (404)
   */
  private async ask(path: string, request: Request = {}, also?: 405 | 409): Promise<Fields | undefined> {
    for (let tries = 0; ; tries++) {
      let why: string;
      try {
        const { status, fields } = await this.send(path, request);
        if (status >= 200 && status < 300) return fields;
        why = messageOf(fields, status);
        if (status === 404 || (status === 405 && also === 405)) return undefined;
        if (status === 409 && also === 409) return { conflict: new Error(why) };
        if (status < 500 && !transient.has(status)) throw new RegistryRefused(this.url, why);
      } catch (error) {
        if (error instanceof RegistryRefused) throw error;
        why = reasonOf(error, this.timeout);
      }
      if (tries >= this.retries) throw new RegistryUnavailable(this.url, why);
      await new Promise((resolve) => setTimeout(resolve, Math.min(longestPauseMs, firstPauseMs * 2 ** tries)));
    }
  }

  /** @throws RegistryRefused for what no registry answers; another error when there is no answer in time */
  private async send(path: string, { method, body }: Request): Promise<Answer> {
    const control = new AbortController();
    const late = setTimeout(() => control.abort(), this.timeout);
    try {
      const { headers, url } = this;
      const response = await fetch(url + path, {
        method: method ?? "GET",
        headers,
        signal: control.signal,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await this.textOf(response);
      const fields = fieldsOf(text);
      const { status } = response;
      // a gateway before one that is down
      if (fields === undefined && (status >= 500 || transient.has(status))) return { status, fields: {} };
      if (fields === undefined) {
        throw new RegistryRefused(
          url,
          `HTTP ${status} with ${kindOf(response, text)}, which no schema registry answers`,
        );
      }
      return { status, fields };
    } finally {
      clearTimeout(late);
    }
  }

  private async textOf(response: Response): Promise<string> {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of response.body ?? []) {
      bytes += part.length;
      if (bytes > MOST_BYTES) throw new RegistryRefused(this.url, `an answer of more than ${MOST_BYTES} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts).toString("utf8");
  }

  private idOf(fields: Fields): number {
    return this.numberOf(fields, "id");
  }

  private numberOf(fields: Fields, key: "id" | "version"): number {
    const value = fields[key];
    if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > mostId)
      throw this.nonsense(`a ${key}`);
    return value as number;
  }

  private storedOf({ schema, schemaType = "AVRO", references }: Fields): StoredSchema {
    if (typeof schema !== "string") throw this.nonsense("a schema");
    if (schemaType !== "AVRO")
      throw new UnreadableRecord(`the registry has a schema of ${String(schemaType)}, not Avro`);
    return { schema, references: Array.isArray(references) ? references.map((one) => this.referenceOf(one)) : [] };
  }

  private referenceOf(one: unknown): SchemaReference {
    const { name, subject, version } = (one ?? {}) as Fields;
    if (typeof name !== "string" || typeof subject !== "string" || !Number.isInteger(version)) {
      throw this.nonsense("a reference");
    }
    return { name, subject, version: version as number };
  }

  private nonsense(what: string): RegistryRefused {
    return new RegistryRefused(this.url, `an answer without ${what}, which no schema registry gives`);
  }
}

const name = (subject: string): string => encodeURIComponent(subject);

/** An object of JSON; undefined for anything else. */
function fieldsOf(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

const kindOf = (response: Response, text: string): string =>
  text === "" ? "an empty answer" : (response.headers.get("content-type") ?? "an answer of no type");

/** Without Java's names. */
const messageOf = ({ message }: Fields, status: number): string =>
  typeof message === "string" ? message.replace(/^(?:\w+\.)+\w*Exception: /, "") : `HTTP ${status}`;

function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, message, cause } = error as Error & { cause?: Error & { code?: string } };
  if (name === "AbortError") return `no answer within ${timeoutMs} ms`;
  return cause?.message || cause?.code || message;
}
