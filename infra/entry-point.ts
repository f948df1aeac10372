import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's root when this runs from source, its `dist` when it runs compiled. */
const here = fileURLToPath(new URL("..", import.meta.url));

/**
 * The compiled file that a worker thread or child process starts from. Compiled code finds its neighbour in `dist`;
 * code that runs from .ts sources (under vitest) finds the same file there: build first.
 *
 * @param path below the project's root, as compiled: `infra/store/chdb-process.js`
 */
export function entryPoint(path: string): string {
  const compiled = here.endsWith(`${sep}dist${sep}`) || !import.meta.url.endsWith(".ts");
  return compiled ? join(here, path) : join(here, "dist", path);
}
