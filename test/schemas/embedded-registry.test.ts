import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EmbeddedRegistry } from "../../schemas/embedded-registry.js";
import { registerAll, TOPICS } from "../../schemas/subjects.js";
import { longPrice, note, price, registryContract, schemaOf } from "../conformance/registry-contract.js";

registryContract("the embedded registry", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tickplant-registry-"));
  const file = join(folder, "schemas.json");
  return {
    registry: new EmbeddedRegistry({ file }),
    another: () => new EmbeddedRegistry({ file }),
    cleanup: async () => rmSync(folder, { recursive: true }),
  };
});

describe("the embedded schema registry", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tickplant-registry-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("gives ids from 1, in the order of registration", async () => {
    const registry = new EmbeddedRegistry();
    expect(await registry.register("a-value", schemaOf(price))).toBe(1);
    expect(await registry.register("b-value", schemaOf(price, note))).toBe(2);
    expect(await registry.register("a-value", schemaOf({ ...price, doc: "in quote currency" }))).toBe(1);
    expect(await registry.register("c-value", schemaOf(price))).toBe(1);
    await expect(registry.register("a-value", schemaOf(longPrice))).rejects.toMatchObject({ message: /a-value/ });
    expect(await registry.register("b-value", schemaOf(price))).toBe(1);
    expect(await registry.register("d-value", schemaOf(longPrice))).toBe(3);
  });

  it("does not know an id before it has given it", async () => {
    await expect(new EmbeddedRegistry().schema(1)).rejects.toMatchObject({ code: "TP_SCHEMA_UNKNOWN" });
  });

  it("keeps ids in its file over a restart", async () => {
    const file = join(folder, "schemas.json");
    const before = new EmbeddedRegistry({ file });
    await before.register("a-value", schemaOf(price));
    const ids = await registerAll(before);
    expect(new Set(Object.values(ids)).size).toBe(TOPICS.length);
    const after = new EmbeddedRegistry({ file });
    expect(await registerAll(after)).toEqual(ids);
    expect(await after.schema(1)).toBe(schemaOf(price));
  });

  it("sees what another one registered in the same file", async () => {
    const file = join(folder, "schemas.json");
    const [one, other] = [new EmbeddedRegistry({ file }), new EmbeddedRegistry({ file })];
    expect(await one.register("a-value", schemaOf(price))).toBe(1);
    expect(await other.schema(1)).toBe(schemaOf(price));
    expect(await other.register("b-value", schemaOf(note))).toBe(2);
    expect(await one.register("a-value", schemaOf(price, note))).toBe(3);
  });

  it("says so when its file is broken, rather than giving ids anew", () => {
    const file = join(folder, "schemas.json");
    writeFileSync(file, "{");
    expect(() => new EmbeddedRegistry({ file })).toThrow(expect.objectContaining({ code: "TP_REGISTRY_UNREADABLE" }));
  });
});
