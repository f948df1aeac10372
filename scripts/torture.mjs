import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";

/** `npm run torture -- NAME`: a long test of test/torture/, which `npm test` leaves out. */
const names = readdirSync(new URL("../test/torture/", import.meta.url))
  .filter((file) => file.endsWith(".test.ts"))
  .map((file) => file.slice(0, -".test.ts".length));
const [name, ...more] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  process.stderr.write(`npm run torture -- NAME, one of: ${names.join(", ")}\n`);
  process.exit(name === undefined ? 0 : 1);
}
const args = ["vitest", "run", "--config", "test/torture/vitest.config.ts", `test/torture/${name}.test.ts`, ...more];
process.exit(spawnSync("npx", args, { stdio: "inherit" }).status ?? 1);
