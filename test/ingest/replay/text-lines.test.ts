import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readLines } from "../../../ingest/replay/text-lines.js";
import { recording } from "../../recordings.js";
import { temporaryFolder } from "./collected.js";

const folder = temporaryFolder();

async function read(file: string) {
  const lines: string[] = [];
  const warnings: string[] = [];
  for await (const batch of readLines(file, (why) => warnings.push(why))) {
    expect(batch.firstNumber).toBe(lines.length + 1);
    lines.push(...batch.lines);
  }
  return { lines, warnings };
}

describe("readLines", () => {
  it("gives the lines of any text, plain and gzipped, whatever its characters", async () => {
    const line = fc.string({ unit: "binary", maxLength: 60 }).map((text) => text.replaceAll("\n", ""));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 20 }), fc.nat(3), async (some, repeat) => {
        const lines = Array.from({ length: 1 + repeat * 700 }, () => some).flat();
        const text = `${lines.join("\n")}\n`;
        const file = folder.path("text");
        for (const bytes of [Buffer.from(text), gzipSync(text)]) {
          writeFileSync(file, bytes);
          const expected =
            text.startsWith("\ufeff") && bytes[0] === 0xef ? [lines[0]!.slice(1), ...lines.slice(1)] : lines;
          expect(await read(file)).toEqual({ lines: expected, warnings: [] });
        }
      }),
      { numRuns: 30 },
    );
  });

  it("gives a last line without its line break, and none for an empty file", async () => {
    writeFileSync(folder.path("text"), "one\ntwo");
    expect((await read(folder.path("text"))).lines).toEqual(["one", "two"]);
    writeFileSync(folder.path("text"), "");
    expect((await read(folder.path("text"))).lines).toEqual([]);
  });

  it("reads gzip files that were appended to each other", async () => {
    writeFileSync(folder.path("text"), Buffer.concat([gzipSync("one\ntwo\n"), gzipSync("three\n")]));
    expect((await read(folder.path("text"))).lines).toEqual(["one", "two", "three"]);
  });

  it("gives what can be read of a gzip file that ends early, and warns", async () => {
    const whole = readFileSync(recording("hftbacktest/spot/btcusdt_20240808.gz"));
    const all = gunzipSync(whole).toString("utf8").split("\n");
    for (const share of [0.001, 0.1, 0.5, 0.99]) {
      writeFileSync(folder.path("cut"), whole.subarray(0, Math.floor(whole.length * share)));
      const { lines, warnings } = await read(folder.path("cut"));
      expect(warnings).toEqual([expect.stringContaining("ends early")]);
      expect(lines).toEqual(all.slice(0, lines.length));
      if (share >= 0.1) expect(lines.length).toBeGreaterThan(all.length * share * 0.5);
    }
  });

  it("gives what can be read before a damage, and warns", async () => {
    const bytes = readFileSync(recording("hftbacktest/spot/btcusdt_20240808.gz"));
    const all = gunzipSync(bytes).toString("utf8").split("\n");
    const middle = Math.floor(bytes.length / 2);
    bytes.fill(0xff, middle, middle + 2000);
    writeFileSync(folder.path("damaged"), bytes);
    const { lines, warnings } = await read(folder.path("damaged"));
    expect(warnings).toEqual([expect.stringMatching(/damaged|ends early/)]);
    expect(lines.length).toBeGreaterThan(10_000);
    expect(lines.slice(0, 10_000)).toEqual(all.slice(0, 10_000));
  });

  it("stops reading when the reader stops asking", async () => {
    let batches = 0;
    for await (const _ of readLines(recording("hftbacktest/usdm/btcusdt_20240808.gz"), () => {})) {
      batches += 1;
      if (batches === 2) break;
    }
    expect(batches).toBe(2);
  });
});
