import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cached } from "./cache.mjs";
import { runProgram } from "./programs.mjs";

const ARCHIVE = "classes.jsa";
/** How long a server may take to end that writes its archive. */
export const ARCHIVE_MS = 60_000;

/**
 * Flags with which a Java server starts for a third of the processor time: its classes come parsed from an archive, which
 * its first start in this place writes, and are compiled once, quickly and not thoroughly. A server that is measured wants
 * neither. https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing1.html
 *
 * @param name of the server and its version
 * @param run async (flags) => void, which starts it with these flags, and ends it in peace when it answers
 */
export async function quickStart(java, name, run) {
  const { stderr } = await runProgram(java, ["-version"]);
  const build = createHash("sha256").update(stderr).digest("hex").slice(0, 8);
  const compile = "-XX:TieredStopAtLevel=1";
  const folder = await cached(`${name}-classes-${build}`, (part) =>
    run([compile, `-XX:ArchiveClassesAtExit=${join(part, ARCHIVE)}`]),
  );
  const archive = join(folder, ARCHIVE);
  // a Java that writes none starts without
  return existsSync(archive) ? [compile, `-XX:SharedArchiveFile=${archive}`] : [compile];
}
