import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { SchemaRegistry as LibraryRegistry } from "@kafkajs/confluent-schema-registry";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MessageCodec, openCodecs } from "../../schemas/codec.js";
import { ConfluentRegistry } from "../../schemas/confluent-registry.js";
import { registerAll } from "../../schemas/subjects.js";
import { freePort } from "../../scripts/services/free-port.mjs";
import { type RegistryHandle, startRegistry } from "../../scripts/services/registry.mjs";
import { longPrice, note, price, registryContract, schemaOf } from "../conformance/registry-contract.js";
import { registryForTests, type SharedRegistry } from "../services/shared-services.js";
import { FIELDS, messageOf } from "./messages.js";

let shared: SharedRegistry;
beforeAll(async () => {
  shared = await registryForTests();
});
afterAll(() => shared.stop());

const opened = (namespace = randomUUID()) => new ConfluentRegistry({ url: shared.url, namespace });

registryContract("the Confluent-compatible registry", async () => {
  const namespace = randomUUID();
  return { registry: opened(namespace), another: () => opened(namespace), cleanup: async () => undefined };
});

describe("the Confluent-compatible registry", () => {
  const config = async (subject: string): Promise<unknown> => (await fetch(`${shared.url}/config/${subject}`)).json();

  it("puts the namespace before the subject, and sets it to BACKWARD", async () => {
    const namespace = randomUUID();
    await opened(namespace).register("market.trade-value", schemaOf(price));
    expect(await config(`${namespace}.market.trade-value`)).toEqual({ compatibilityLevel: "BACKWARD" });
    expect(await opened().check("market.trade-value", schemaOf(longPrice))).toBeUndefined();
    const refused = opened(namespace).register("market.trade-value", schemaOf(longPrice));
    await expect(refused).rejects.toMatchObject({
      code: "TP_SCHEMA_INCOMPATIBLE",
      message: expect.stringContaining(`${namespace}.market.trade-value`),
    });
  });

  it("leaves a stricter compatibility as it was set, and says when that one refuses", async () => {
    const namespace = randomUUID();
    const registry = opened(namespace);
    await registry.register("a-value", schemaOf(price, note));
    const body = JSON.stringify({ compatibility: "FULL" });
    const headers = { "content-type": "application/vnd.schemaregistry.v1+json" };
    await fetch(`${shared.url}/config/${namespace}.a-value`, { method: "PUT", headers, body });
    // Reads what the newest wrote; the newest could not read what this one writes.
    const narrower = schemaOf(note);
    await expect(registry.check("a-value", narrower)).rejects.toMatchObject({
      code: "TP_SCHEMA_INCOMPATIBLE",
      message: /compatibility setting/,
    });
    await expect(registry.register("a-value", narrower)).rejects.toMatchObject({ code: "TP_SCHEMA_INCOMPATIBLE" });
    expect(await config(`${namespace}.a-value`)).toEqual({ compatibilityLevel: "FULL" });
  });

  it("gives ids that its own library decodes with, and the other way round", async () => {
    const codec = (await openCodecs(opened()))["market.trade"] as unknown as MessageCodec<Record<string, unknown>>;
    const library = new LibraryRegistry({ host: shared.url });
    const property = fc.asyncProperty(messageOf(FIELDS["market.trade"]), async (message) => {
      expect({ ...(await library.decode(Buffer.from(codec.encode(message)))) }).toEqual(message);
      expect({ ...codec.decode(await library.encode(codec.schemaId, message)) }).toEqual(message);
    });
    await fc.assert(property, { numRuns: 50 });
  });
});

describe("a Confluent-compatible registry that comes and goes", () => {
  let server: RegistryHandle;
  beforeAll(async () => {
    server = await startRegistry();
  });
  afterAll(() => server.stop());

  const impatient = () => new ConfluentRegistry({ url: server.url, namespace: "ns", timeoutMs: 500, retries: 1 });
  const down = { code: "TP_REGISTRY_UNAVAILABLE", message: expect.stringContaining("127.0.0.1") };

  it("is not missed for what it has answered, and is asked again when it is back", async () => {
    const registry = impatient();
    const ids = await registerAll(registry);
    const id = await registry.register("a-value", schemaOf(price));
    const text = await registry.schema(id);
    await server.kill();
    expect(await registerAll(registry)).toEqual(ids);
    expect(await registry.register("a-value", schemaOf(price))).toBe(id);
    expect(await registry.lookup("a-value", schemaOf(price))).toBe(id);
    expect(await registry.schema(id)).toBe(text);
    await expect(registry.register("a-value", schemaOf(price, note))).rejects.toMatchObject(down);
    await expect(registry.schema(id + 1000)).rejects.toMatchObject(down);
    await server.start();
    expect(await impatient().lookup("a-value", schemaOf(price))).toBe(id);
    expect(await registry.register("a-value", schemaOf(price, note))).not.toBe(id);
    await expect(registry.schema(id + 1000)).rejects.toMatchObject({ code: "TP_SCHEMA_UNKNOWN" });
  });

  it("is waited for while it restarts", async () => {
    const patient = new ConfluentRegistry({ url: server.url, namespace: "ns", retries: 8 });
    const id = await impatient().register("b-value", schemaOf(price));
    await server.kill();
    const [found] = await Promise.all([patient.lookup("b-value", schemaOf(price)), server.start()]);
    expect(found).toBe(id);
  });

  it("is given up on when it hangs", async () => {
    server.pause();
    try {
      await expect(impatient().schema(1)).rejects.toMatchObject(down);
    } finally {
      server.resume();
    }
  });

  it("is given up on when nothing listens, without its password in the message", async () => {
    const url = `http://someone:secret@127.0.0.1:${await freePort()}`;
    const error: Error = await new ConfluentRegistry({ url, retries: 0 }).lookup("a-value", schemaOf(price)).then(
      () => expect.unreachable(),
      (refused) => refused,
    );
    expect(error).toMatchObject({ code: "TP_REGISTRY_UNAVAILABLE", message: expect.stringContaining("ECONNREFUSED") });
    expect(error.message).not.toContain("secret");
  });
});

describe("a registry that refuses", () => {
  let front: Server;
  const seen: (string | undefined)[] = [];
  beforeAll(async () => {
    front = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401, { "content-type": "application/json" });
      response.end(JSON.stringify({ error_code: 401, message: "Unauthorized" }));
    });
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => new Promise((resolve) => front.close(resolve)));

  it("is told the user and password, asked once, and its answer is told", async () => {
    const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}/`;
    const registry = new ConfluentRegistry({ url, user: "plant", password: "pw" });
    await expect(registry.lookup("a-value", schemaOf(price))).rejects.toMatchObject({
      code: "TP_REGISTRY_REFUSED",
      message: expect.stringMatching(/Unauthorized.*user and password/),
    });
    expect(seen).toEqual([`Basic ${Buffer.from("plant:pw").toString("base64")}`]);
  });
});
