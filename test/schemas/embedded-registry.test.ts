import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EmbeddedRegistry } from "../../schemas/embedded-registry.js";
import { registerAll, TOPICS } from "../../schemas/subjects.js";

const schema = (...fields: object[]) => JSON.stringify({ type: "record", name: "Thing", fields });
const price = { name: "price", type: "string" };
const note = { name: "note", type: ["null", "string"], default: null };

describe("the embedded schema registry", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tickplant-registry-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("gives ids from 1, the same one for the same schema, under whatever subject and however spelled", async () => {
    const registry = new EmbeddedRegistry();
    expect(await registry.register("a-value", schema(price))).toBe(1);
    expect(await registry.register("b-value", schema(price, note))).toBe(2);
    expect(await registry.register("a-value", schema({ ...price, doc: "in quote currency" }))).toBe(1);
    expect(await registry.register("c-value", schema(price))).toBe(1);
    expect(JSON.parse(await registry.schema(2))).toEqual(JSON.parse(schema(price, note)));
  });

  it("takes a schema that reads what the newest wrote, and finds the older again", async () => {
    const registry = new EmbeddedRegistry();
    expect(await registry.register("a-value", schema(price))).toBe(1);
    expect(await registry.register("a-value", schema(price, note))).toBe(2);
    expect(await registry.register("a-value", schema(price))).toBe(1);
  });

  it("refuses a schema that could not read what the newest wrote", async () => {
    const registry = new EmbeddedRegistry();
    await registry.register("a-value", schema(price));
    const refused = { code: "TP_SCHEMA_INCOMPATIBLE", message: /a-value/ };
    await expect(registry.register("a-value", schema(price, { name: "qty", type: "string" }))).rejects.toMatchObject(
      refused,
    );
    await expect(registry.register("a-value", schema({ name: "price", type: "long" }))).rejects.toMatchObject(refused);
    expect(await registry.register("b-value", schema({ name: "price", type: "long" }))).toBe(2);
  });

  it("does not know an id that it never gave", async () => {
    await expect(new EmbeddedRegistry().schema(1)).rejects.toMatchObject({ code: "TP_SCHEMA_UNKNOWN" });
  });

  it("keeps ids in its file over a restart", async () => {
    const file = join(folder, "schemas.json");
    const before = new EmbeddedRegistry({ file });
    await before.register("a-value", schema(price));
    const ids = await registerAll(before);
    expect(new Set(Object.values(ids)).size).toBe(TOPICS.length);
    const after = new EmbeddedRegistry({ file });
    expect(await registerAll(after)).toEqual(ids);
    expect(await after.schema(1)).toBe(schema(price));
  });

  it("sees what another one registered in the same file", async () => {
    const file = join(folder, "schemas.json");
    const [one, other] = [new EmbeddedRegistry({ file }), new EmbeddedRegistry({ file })];
    expect(await one.register("a-value", schema(price))).toBe(1);
    expect(await other.schema(1)).toBe(schema(price));
    expect(await other.register("b-value", schema(note))).toBe(2);
    expect(await one.register("a-value", schema(price, note))).toBe(3);
  });

  it("says so when its file is broken, rather than giving ids anew", () => {
    const file = join(folder, "schemas.json");
    writeFileSync(file, "{");
    expect(() => new EmbeddedRegistry({ file })).toThrow(expect.objectContaining({ code: "TP_REGISTRY_UNREADABLE" }));
  });
});
