import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SchemaRegistry } from "../../schemas/registry.js";
import { lookupAll, registerAll, TOPICS } from "../../schemas/subjects.js";

export interface OpenedRegistry {
  readonly registry: SchemaRegistry;
  /** The same schemas, seen by another process. */
  another(): SchemaRegistry;
  cleanup(): Promise<void>;
}

/** A record's schema as registries get it. */
export const schemaOf = (...fields: object[]): string => JSON.stringify({ type: "record", name: "Thing", fields });
export const price = { name: "price", type: "string" };
export const note = { name: "note", type: ["null", "string"], default: null };
export const longPrice = { name: "price", type: "long" };
export const bareQuantity = { name: "qty", type: "string" };

/** What every `SchemaRegistry` does, whatever lies beneath. */
export function registryContract(name: string, open: () => Promise<OpenedRegistry>): void {
  describe(`${name} as a schema registry`, () => {
    let opened: OpenedRegistry;
    let registry: SchemaRegistry;
    let [a, b, c] = ["", "", ""];

    beforeEach(async () => {
      opened = await open();
      registry = opened.registry;
      [a, b, c] = ["a", "b", "c"].map((letter) => `${letter}-${randomUUID()}-value`) as [string, string, string];
    });
    afterEach(() => opened.cleanup());

    test("the same schema has the same id, under whatever subject and with whatever notes", async () => {
      const id = await registry.register(a, schemaOf(price));
      expect(id).toBeGreaterThan(0);
      const other = await registry.register(b, schemaOf(price, note));
      expect(other).not.toBe(id);
      expect(await registry.register(a, schemaOf({ ...price, doc: "in quote currency" }))).toBe(id);
      expect(await registry.register(c, schemaOf(price))).toBe(id);
      expect(await opened.another().register(a, schemaOf({ ...price, doc: "of one coin" }))).toBe(id);
      expect(JSON.parse(await registry.schema(other))).toEqual(JSON.parse(schemaOf(price, note)));
    });

    test("a schema that reads what the newest wrote gets an id of its own, and the older is found again", async () => {
      const older = await registry.register(a, schemaOf(price));
      const newer = await registry.register(a, schemaOf(price, note));
      expect(newer).not.toBe(older);
      expect(await registry.register(a, schemaOf(price))).toBe(older);
      expect(await opened.another().register(a, schemaOf(price))).toBe(older);
      expect(JSON.parse(await opened.another().schema(older))).toEqual(JSON.parse(schemaOf(price)));
    });

    test.each([
      ["a changed type", [longPrice]],
      ["a new field without a default", [price, bareQuantity]],
    ])("refuses %s, and says for which subject", async (_, fields) => {
      const id = await registry.register(a, schemaOf(price));
      const refused = {
        code: "TP_SCHEMA_INCOMPATIBLE",
        message: expect.stringMatching(`${a}.*add fields with defaults`),
      };
      await expect(registry.check(a, schemaOf(...fields))).rejects.toMatchObject(refused);
      await expect(registry.register(a, schemaOf(...fields))).rejects.toMatchObject(refused);
      await expect(opened.another().register(a, schemaOf(...fields))).rejects.toMatchObject(refused);
      expect(await registry.register(b, schemaOf(...fields))).not.toBe(id);
      expect(await registry.register(a, schemaOf(price))).toBe(id);
    });

    test("holds an evolved schema against the newest, and refuses what that one's data would break", async () => {
      await registry.register(a, schemaOf(price));
      await registry.register(a, schemaOf(price, note));
      await expect(registry.register(a, schemaOf(price, { ...note, type: ["null", "long"] }))).rejects.toMatchObject({
        code: "TP_SCHEMA_INCOMPATIBLE",
      });
    });

    test("does not know an id that it never gave", async () => {
      await expect(registry.schema(2_000_000_000)).rejects.toMatchObject({ code: "TP_SCHEMA_UNKNOWN" });
    });

    test("check says what register would do, and does nothing", async () => {
      expect(await registry.check(a, schemaOf(price))).toBeUndefined();
      expect(await opened.another().check(a, schemaOf(longPrice))).toBeUndefined();
      const id = await registry.register(a, schemaOf(price));
      expect(await registry.check(a, schemaOf(price))).toBe(id);
      expect(await registry.check(a, schemaOf(price, note))).toBeUndefined();
      await expect(registry.lookup(a, schemaOf(price, note))).rejects.toMatchObject({
        code: "TP_SCHEMA_NOT_REGISTERED",
      });
    });

    test("lookup finds what was registered, and says what to do where nothing was", async () => {
      const refused = {
        code: "TP_SCHEMA_NOT_REGISTERED",
        message: expect.stringMatching(`${a}.*tickplant schemas register`),
      };
      await expect(registry.lookup(a, schemaOf(price))).rejects.toMatchObject(refused);
      const id = await opened.another().register(a, schemaOf(price));
      expect(await registry.lookup(a, schemaOf(price))).toBe(id);
      expect(await registry.lookup(a, schemaOf({ ...price, doc: "in quote currency" }))).toBe(id);
      await expect(registry.lookup(a, schemaOf(price, note))).rejects.toMatchObject(refused);
      await expect(registry.lookup(b, schemaOf(price))).rejects.toMatchObject({ code: "TP_SCHEMA_NOT_REGISTERED" });
    });

    test("every topic's schema registers and is found with the same id from then on", async () => {
      await expect(lookupAll(registry)).rejects.toMatchObject({ code: "TP_SCHEMA_NOT_REGISTERED" });
      const ids = await registerAll(registry);
      expect(new Set(Object.values(ids)).size).toBe(TOPICS.length);
      expect(await registerAll(opened.another())).toEqual(ids);
      expect(await lookupAll(opened.another())).toEqual(ids);
    });
  });
}
