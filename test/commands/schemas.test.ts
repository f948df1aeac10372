import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { codecsOf } from "../../plant/parts.js";
import { ConfluentRegistry } from "../../schemas/confluent-registry.js";
import { schemaText, subjectOf, TOPICS } from "../../schemas/subjects.js";
import { PlantProcess, temporaryFolder, testConfig } from "../plant/plant-process.js";
import { registryForTests, type SharedRegistry } from "../services/shared-services.js";

let shared: SharedRegistry;
let folders: Awaited<ReturnType<typeof temporaryFolder>>;
let namespace: string;
let file: string;

beforeAll(async () => {
  folders = await temporaryFolder();
  shared = await registryForTests();
});
afterAll(async () => {
  await shared.stop();
  await folders.remove();
});

const config = () => testConfig({ dataFolder: join(folders.folder, "data"), namespace, registry: { url: shared.url } });

beforeEach(async () => {
  namespace = randomUUID();
  file = join(folders.folder, `${namespace}.yaml`);
  await writeFile(file, JSON.stringify(config()));
});

async function schemas(verb: "check" | "register"): Promise<{ code: number | null; lines: string[]; said: string }> {
  const command = new PlantProcess(["schemas", verb, "--config", file]);
  const { code } = await command.ended;
  return { code, lines: command.stdout.trimEnd().split("\n"), said: command.stderr };
}

describe("tickplant schemas", () => {
  it("registers every topic's schema once, after which the roles find their ids", async () => {
    await expect(codecsOf(config())).rejects.toMatchObject({ code: "TP_SCHEMA_NOT_REGISTERED" });
    const first = await schemas("register");
    expect(first).toMatchObject({ code: 0, said: "" });
    expect(first.lines).toHaveLength(TOPICS.length);
    const codecs = await codecsOf(config());
    for (const [place, topic] of TOPICS.entries()) {
      expect(first.lines[place]).toMatch(
        new RegExp(`^${namespace}\\.${topic}-value +id ${codecs[topic].schemaId} +new$`),
      );
    }
    const again = await schemas("register");
    expect(again.lines).toEqual(first.lines.map((line) => line.replace(/new$/, "registered already")));
  });

  it.each(["check", "register"] as const)(
    "%s refuses changed types with exit code 1, and changes nothing",
    async (verb) => {
      const registry = new ConfluentRegistry({ url: shared.url, namespace });
      const topics = ["market.trade", "market.kline"] as const;
      const other = JSON.stringify({ type: "record", name: "Other", fields: [{ name: "price", type: "long" }] });
      for (const topic of topics) await registry.register(subjectOf(topic), other);
      const { code, lines, said } = await schemas(verb);
      expect(code).toBe(1);
      expect(lines).toEqual([""]);
      const refusal = (topic: string) =>
        expect.stringMatching(`^TP_SCHEMA_INCOMPATIBLE: the schema for ${namespace}.${topic}-value can not read`);
      expect(said.trimEnd().split("\n")).toEqual(topics.map(refusal));
      await expect(registry.lookup(subjectOf("market.raw"), schemaText("market.raw"))).rejects.toMatchObject({
        code: "TP_SCHEMA_NOT_REGISTERED",
      });
    },
  );

  it("check passes where everything is registered", async () => {
    await schemas("register");
    const { code, lines } = await schemas("check");
    expect(code).toBe(0);
    for (const line of lines) expect(line).toMatch(/id \d+ +registered already$/);
  });
});
