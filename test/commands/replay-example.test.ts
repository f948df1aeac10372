import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { mainFile } from "../plant/plant-process.js";

it("the README's recording is there and gives trades, a live book and a closed K-line", async () => {
  const readme = readFileSync("README.md", "utf8");
  const [, example = ""] = /replay (examples\/\S+) --to stdout/.exec(readme) ?? [];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    mainFile,
    "replay",
    example,
    "--to",
    "stdout",
  ]);
  expect(stderr).toContain("nothing unreadable");
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { topic: string; value: Record<string, unknown> });
  const of = (topic: string) => lines.filter((line) => line.topic === topic).map(({ value }) => value);
  expect(of("market.trade").length).toBeGreaterThan(50);
  expect(of("market.depth").at(-1)).toMatchObject({ status: "live" });
  expect(of("market.kline").some(({ interval, is_closed }) => interval === "1m" && is_closed)).toBe(true);
  expect(of("market.dlq")).toEqual([]);
});
