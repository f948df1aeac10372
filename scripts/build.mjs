// Compiles to dist/ and lays what is not TypeScript (migrations, the page) beside it.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.json")], { stdio: "inherit" });
for (const folder of ["infra/store/migrations", "push/page", "config"]) {
  if (existsSync(join(root, folder))) cpSync(join(root, folder), join(root, "dist", folder), { recursive: true });
}
const charts = "node_modules/lightweight-charts/dist/lightweight-charts.standalone.production.js";
cpSync(join(root, charts), join(root, "dist/push/page/lightweight-charts.js"));
