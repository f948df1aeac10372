import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { cached } from "./cache.mjs";
import { ensureProgram } from "./programs.mjs";

const run = promisify(execFile);
/** Pinned: what they make of a decimal differs from release to release. */
const packages = ["duckdb==2.0.1", "polars==2.1.0", "pyarrow==21.0.0"];

/**
 * Folder for PYTHONPATH with DuckDB, polars and pyarrow, from PyPI's wheels, fetched once.
 *
 * @returns { python, folder }
 * @throws Error which says what is missing
 */
export async function ensureColumnar() {
  const python = await ensureProgram("python3", "python3-pip", "reading Parquet as others do");
  const { stdout } = await run(python, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
  const name = ["columnar", `py${stdout.trim()}`, ...packages.map((one) => one.replace("==", "-"))].join("-");
  const folder = await cached(name, async (beside) => {
    const options = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--target", beside];
    await run(python, ["-m", "pip", "install", ...options, ...packages]);
  });
  return { python, folder };
}
