import { randomUUID } from "node:crypto";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { SchemaRegistry as LibraryRegistry } from "@kafkajs/confluent-schema-registry";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MessageCodec, openCodecs } from "../../schemas/codec.js";
import { ConfluentRegistry } from "../../schemas/confluent-registry.js";
import { registerAll } from "../../schemas/subjects.js";
import { freePort } from "../../scripts/services/free-port.mjs";
import { type RegistryHandle, startRegistry } from "../../scripts/services/registry.mjs";
import { bareQuantity, longPrice, note, price, registryContract, schemaOf } from "../conformance/registry-contract.js";
import { registryForTests, type SharedRegistry } from "../services/shared-services.js";
import { FIELDS, messageOf } from "./messages.js";

let shared: SharedRegistry;
beforeAll(async () => {
  shared = await registryForTests();
});
afterAll(() => shared.stop());

const headers = { "content-type": "application/vnd.schemaregistry.v1+json" };
const setRule = (url: string, compatibility: string) =>
  fetch(url, { method: "PUT", headers, body: JSON.stringify({ compatibility }) });
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
    await setRule(`${shared.url}/config/${namespace}.a-value`, "FULL");
    // Reads what the newest wrote; the newest could not read what this one writes.
    const narrower = schemaOf(note);
    await expect(registry.check("a-value", narrower)).rejects.toMatchObject({
      code: "TP_SCHEMA_INCOMPATIBLE",
      message: /compatibility setting/,
    });
    await expect(registry.register("a-value", narrower)).rejects.toMatchObject({ code: "TP_SCHEMA_INCOMPATIBLE" });
    expect(await config(`${namespace}.a-value`)).toEqual({ compatibilityLevel: "FULL" });
  });

  it.each(["FULL_TRANSITIVE", "FULL", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE"])(
    "leaves %s as it was set before the first registration",
    async (compatibility) => {
      const namespace = randomUUID();
      await setRule(`${shared.url}/config/${namespace}.a-value`, compatibility);
      const registry = opened(namespace);
      await registry.register("a-value", schemaOf(price));
      await registry.register("a-value", schemaOf(price, note));
      // what was written before can not be read with it, whatever the registry asks for
      await expect(registry.register("a-value", schemaOf(price, note, bareQuantity))).rejects.toMatchObject({
        code: "TP_SCHEMA_INCOMPATIBLE",
      });
      expect(await config(`${namespace}.a-value`)).toEqual({ compatibilityLevel: compatibility });
    },
  );

  it("takes a schema of other logical types and defaults for another one", async () => {
    const registry = opened();
    const scaled = (scale: number) =>
      schemaOf({ name: "price", type: { type: "bytes", logicalType: "decimal", precision: 12, scale } });
    const side = (byDefault: string) =>
      schemaOf({ name: "side", type: { type: "enum", name: "Side", symbols: ["buy", "sell"], default: byDefault } });
    for (const [one, other] of [
      [scaled(2), scaled(4)],
      [side("buy"), side("sell")],
    ] as const) {
      const subject = `${randomUUID()}-value`;
      const id = await registry.register(subject, one);
      await expect(registry.lookup(subject, other)).rejects.toMatchObject({ code: "TP_SCHEMA_NOT_REGISTERED" });
      expect(await registry.register(subject, other)).not.toBe(id);
      expect(await registry.lookup(subject, one)).toBe(id);
    }
  });

  it("answers a schema with references as one that stands by itself", async () => {
    const name = randomUUID();
    const post = async (subject: string, body: object): Promise<number> => {
      const response = await fetch(`${shared.url}/subjects/${subject}/versions`, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
      });
      return ((await response.json()) as { id: number }).id;
    };
    const units = { type: "record", name: "Units", namespace: "money", fields: [{ name: "units", type: "long" }] };
    const quote = { type: "record", name: "Quote", namespace: "money", fields: [{ name: "bid", type: "Units" }] };
    const trade = {
      type: "record",
      name: "Trade",
      namespace: "exchange",
      fields: [{ name: "q", type: "money.Quote" }],
    };
    await post(`${name}-units`, { schema: JSON.stringify(units) });
    const first = { name: "money.Units", subject: `${name}-units`, version: 1 };
    await post(`${name}-quote`, { schema: JSON.stringify(quote), references: [first] });
    const second = { name: "money.Quote", subject: `${name}-quote`, version: 1 };
    const id = await post(`${name}-trade`, { schema: JSON.stringify(trade), references: [second] });
    const text = await new ConfluentRegistry({ url: shared.url }).schema(id);
    expect(JSON.parse(text).fields[0].type.fields[0].type).toMatchObject({ type: "record", name: "money.Units" });
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

  const impatient = () => new ConfluentRegistry({ url: server.url, namespace: "ns", timeoutMs: 2000, retries: 1 });
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

  it("keeps a rule of the whole registry in force for a subject that has none of its own", async () => {
    await setRule(`${server.url}/config`, "FULL_TRANSITIVE");
    await impatient().register("strict-value", schemaOf(price, note));
    const inForce = async () => (await fetch(`${server.url}/config/ns.strict-value?defaultToGlobal=true`)).json();
    expect(await inForce()).toEqual({ compatibilityLevel: "FULL_TRANSITIVE" });
    const narrower = impatient().register("strict-value", schemaOf(note));
    await expect(narrower).rejects.toMatchObject({ code: "TP_SCHEMA_INCOMPATIBLE" });
    await setRule(`${server.url}/config`, "NONE");
    // a rule of its own would stand above the registry's
    expect(await inForce()).toEqual({ compatibilityLevel: "NONE" });
  });

  it("is waited for while it restarts", async () => {
    const patient = new ConfluentRegistry({ url: server.url, namespace: "ns", retries: 25 });
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

describe("what answers in a registry's place", () => {
  let front: Server;
  let answer: (response: ServerResponse) => void;
  let asked = 0;
  beforeAll(async () => {
    front = createServer((_, response) => {
      asked += 1;
      answer(response);
    });
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  });
  afterAll(async () => {
    front.closeAllConnections();
    await new Promise((resolve) => front.close(resolve));
  });
  const impatient = () => {
    asked = 0;
    const { port } = front.address() as AddressInfo;
    return new ConfluentRegistry({ url: `http://127.0.0.1:${port}`, timeoutMs: 1000, retries: 1 });
  };
  const json =
    (body: unknown, status = 200) =>
    (response: ServerResponse) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
  const html = (status: number) => (response: ServerResponse) => {
    response.writeHead(status, { "content-type": "text/html" }).end("<html>login</html>");
  };

  it.each<[string, (response: ServerResponse) => void, string, RegExp, number]>([
    ["a login page", html(200), "REFUSED", /HTTP 200 with text\/html, which no schema registry answers/, 1],
    ["a page of a wrong address", html(404), "REFUSED", /HTTP 404 with text\/html/, 1],
    ["a gateway's page", html(502), "UNAVAILABLE", /HTTP 502/, 2],
    [
      "its own error",
      json({ error_code: 50001, message: "the store is gone" }, 500),
      "UNAVAILABLE",
      /the store is gone/,
      2,
    ],
    ["too many requests", json({ message: "slow down" }, 429), "UNAVAILABLE", /slow down/, 2],
    ["nothing", (response) => void response.writeHead(200).end(), "REFUSED", /an empty answer/, 1],
    ["JSON of something else", json({ status: "ok" }), "REFUSED", /without a schema/, 1],
    ["a list", json([1]), "REFUSED", /which no schema registry answers/, 1],
    ["a schema that is none", json({ schema: 5 }), "REFUSED", /without a schema/, 1],
    ["silence", () => {}, "UNAVAILABLE", /no answer within 1000 ms/, 2],
    [
      "an answer that never ends",
      (response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const drip = setInterval(() => response.write(" "), 50);
        response.on("close", () => clearInterval(drip));
      },
      "UNAVAILABLE",
      /no answer within 1000 ms/,
      2,
    ],
    [
      "an answer that is too large",
      (response) => void response.writeHead(200).end(Buffer.alloc(9 * 1024 * 1024, 32)),
      "REFUSED",
      /more than \d+ bytes/,
      1,
    ],
  ])("%s is an error by its code", async (_, how, code, message, times) => {
    answer = how;
    await expect(impatient().schema(7)).rejects.toMatchObject({
      code: `TP_REGISTRY_${code}`,
      message: expect.stringMatching(message),
    });
    expect(asked).toBe(times);
  });

  it.each([
    ["none", {}],
    ["a text", { id: "7" }],
    ["one that does not fit into four bytes", { id: 2 ** 31 }],
    ["a fraction", { id: 1.5 }],
  ])("an id that is %s is refused", async (_, body) => {
    answer = json(body);
    await expect(impatient().lookup("a-value", schemaOf(price))).rejects.toMatchObject({ code: "TP_REGISTRY_REFUSED" });
  });

  it("a schema that is not Avro is an unreadable record, not a crash", async () => {
    answer = json({ schema: "syntax = 3", schemaType: "PROTOBUF" });
    await expect(impatient().schema(7)).rejects.toMatchObject({
      code: "TP_RECORD_UNREADABLE",
      message: expect.stringContaining("PROTOBUF"),
    });
  });
});
