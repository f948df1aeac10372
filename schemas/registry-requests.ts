import { createRequire } from "node:module";
import type * as Api from "@kafkajs/confluent-schema-registry/dist/api/index.js";
import { IncompatibleSchema, RegistryRefused, RegistryUnavailable } from "./errors.js";

export interface RegistryAddress {
  /** Base URL of the Confluent-compatible interface. */
  readonly url: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Milliseconds that one request may take. */
  readonly timeoutMs?: number | undefined;
  /** How often a request is made again while the registry does not answer, with growing pauses. */
  readonly retries?: number | undefined;
}

/** A schema as one of a subject's versions, which count from 1. */
export interface SubjectVersion {
  readonly version: number;
  readonly id: number;
  readonly schema: string;
}

/** What the library's client rejects with. */
interface Refusal extends Error {
  readonly status: number;
}

/** As CommonJS has it: of a default within a default loaders think differently. */
const { default: createClient } = createRequire(import.meta.url)(
  "@kafkajs/confluent-schema-registry/dist/api/index.js",
) as (typeof Api)["default"];

const defaultTimeoutMs = 3_000;
const defaultRetries = 5;
const firstPauseMs = 100;
/** The library calls a request that got no answer a bad one, of this message. */
const noAnswer = /- Error, status 400: /;

/**
 * The requests of a Confluent-compatible registry, made by the client of `@kafkajs/confluent-schema-registry`. Its cache
 * and its codecs stay out: they know a schema as a type only, without its text.
 */
export class RegistryRequests {
  private readonly api: Api.SchemaRegistryAPIClient;
  private readonly timeout: number;
  private readonly retries: number;
  /** Without user and password. */
  private readonly url: string;

  constructor({ url, user, password, timeoutMs, retries }: RegistryAddress) {
    const host = new URL(url);
    const [username, secret] = [
      user || decodeURIComponent(host.username),
      password || decodeURIComponent(host.password),
    ];
    host.username = host.password = "";
    this.url = host.href.replace(/\/$/, "");
    this.timeout = timeoutMs ?? defaultTimeoutMs;
    this.retries = retries ?? defaultRetries;
    this.api = createClient({
      host: this.url,
      clientId: "tickplant",
      retry: { retries: 0 },
      ...(username !== "" && { auth: { username, password: secret } }),
    });
  }

  /** Id of a schema under a subject; undefined when it is not there as it is spelled. */
  async find(subject: string, schema: string): Promise<number | undefined> {
    const found = await this.ask<{ id: number }>(() =>
      this.api.Subject.registered({ subject, body: { schema }, timeout: this.timeout }),
    );
    return found?.id;
  }

  /** One version of a subject, or its latest. */
  version(subject: string, version: number | "latest"): Promise<SubjectVersion | undefined> {
    return this.ask(() => this.api.Subject.version({ subject, version, timeout: this.timeout }));
  }

  /** The schema text of an id. */
  async schema(id: number): Promise<string | undefined> {
    const found = await this.ask<{ schema: string }>(() => this.api.Schema.find({ id, timeout: this.timeout }));
    return found?.schema;
  }

  /** The compatibility that was set for a subject; undefined for none of its own. */
  async compatibility(subject: string): Promise<string | undefined> {
    const found = await this.ask<{ compatibilityLevel: string }>(() =>
      this.api.Subject.config({ subject, timeout: this.timeout }),
    );
    return found?.compatibilityLevel.toUpperCase();
  }

  async setCompatibility(subject: string, compatibility: string): Promise<void> {
    await this.ask(() => this.api.Subject.updateConfig({ subject, body: { compatibility }, timeout: this.timeout }));
  }

  /** Whether the registry would take a schema under a subject, as it is set there. */
  async isCompatible(subject: string, schema: string): Promise<boolean> {
    const found = await this.ask<{ is_compatible: boolean }>(() =>
      this.api.Subject.compatible({ subject, version: "latest", body: { schema }, timeout: this.timeout }),
    );
    return found?.is_compatible ?? true;
  }

  /** Adds a schema to a subject. @returns its id. @throws IncompatibleSchema */
  async register(subject: string, schema: string): Promise<number> {
    const found = await this.ask<{ id: number }>(
      () => this.api.Subject.register({ subject, body: { schema }, timeout: this.timeout }),
      (refusal) => (refusal.status === 409 ? new IncompatibleSchema(subject, plain(refusal)) : undefined),
    );
    if (found === undefined) throw new RegistryRefused(this.url, `${subject} can not be registered there`);
    return found.id;
  }

  /**
   * Asks, again where nobody answers. Every request here may be repeated.
   *
   * @returns undefined for what is not there (404)
   */
  private async ask<Answer>(
    request: () => Promise<{ data(): unknown }>,
    meaning: (refusal: Refusal) => Error | undefined = () => undefined,
  ): Promise<Answer | undefined> {
    for (let tries = 0; ; tries++) {
      try {
        return (await request()).data() as Answer;
      } catch (error) {
        const refusal = error as Refusal;
        if (refusal.status === 404) return undefined;
        const known = meaning(refusal);
        if (known !== undefined) throw known;
        if (!isTransient(refusal)) throw new RegistryRefused(this.url, plain(refusal));
        if (tries >= this.retries) throw new RegistryUnavailable(this.url, plain(refusal));
        await new Promise((resolve) => setTimeout(resolve, firstPauseMs * 2 ** tries));
      }
    }
  }
}

const isTransient = ({ status, message }: Refusal): boolean =>
  status === undefined ||
  status >= 500 ||
  status === 408 ||
  status === 429 ||
  (status === 400 && noAnswer.test(message));

/** Without the client's name and Java's. */
const plain = (refusal: Refusal): Error => {
  const text = refusal.message
    .replace(/^tickplant - (?:Error, status 400: )?/, "")
    .replace(/^(?:\w+\.)+\w*Exception: /, "");
  return new Error(text, { cause: refusal });
};
