import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { errorsDocument } from "../../scripts/errors-doc.mjs";

it("docs/errors.md is what the sources say; renew it with node scripts/errors-doc.mjs", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/errors.md"), "utf8");
  expect(page).toBe(errorsDocument());
});

it("every code of the command line is documented with what it means", () => {
  const sections = errorsDocument().split("\n## ").slice(1);
  expect(sections.length).toBeGreaterThan(30);
  for (const section of sections) expect(section).toMatch(/^TP_[A-Z_]+\n\n[A-Z`].{15}/);
});
