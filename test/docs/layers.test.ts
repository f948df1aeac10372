import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
/** From the ground up, as ARCHITECTURE.md has them. */
const rooms = ["schemas", "infra", "ingest", "processors", "push", "plant", "commands", "main.ts"];

const sources = rooms.flatMap((room) => {
  if (room.endsWith(".ts")) return [room];
  const entries = readdirSync(join(root, room), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && /\.[jt]s$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
});

const heightOf = (path: string): number => rooms.indexOf(path.split("/")[0]!);

it("imports only point downwards", () => {
  const upward: string[] = [];
  let imports = 0;
  for (const file of sources) {
    const text = readFileSync(join(root, file), "utf8");
    for (const [, path] of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
      const target = relative(root, resolve(root, dirname(file), path!));
      imports += 1;
      if (heightOf(target) > heightOf(file) || heightOf(target) < 0) upward.push(`${file} imports ${target}`);
    }
  }
  expect(imports).toBeGreaterThan(300);
  expect(upward).toEqual([]);
});

it("the processors know no venue, no simulator and no clock of the wall", () => {
  for (const file of sources.filter((path) => path.startsWith("processors/"))) {
    const text = readFileSync(join(root, file), "utf8");
    expect(text.match(/from "\.\.\/(?:\.\.\/)?ingest\/(?:venues|simulator)[^"]*"/)?.[0], file).toBeUndefined();
    if (!file.startsWith("processors/sink/"))
      expect(text.match(/\bDate\.now\(|Math\.random\(/)?.[0], file).toBeUndefined();
  }
});
