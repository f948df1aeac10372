import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const maxOutput = 64 * 1024 * 1024;

/** Path of a program on the PATH, or where Debian keeps daemons; undefined when it is not there. */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/bin", "/usr/sbin", "/usr/local/bin"];
  return folders
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * Finds a program, and installs Debian's package where this process may.
 *
 * @param purpose what needs it, for the message
 * @returns path
 * @throws Error which says how to get it
 */
export async function ensureProgram(name, debianPackage, purpose) {
  let path = findProgram(name);
  if (path !== undefined) return path;
  const problem = await install(debianPackage);
  path = findProgram(name);
  if (path !== undefined) return path;
  throw new Error(
    `${purpose} needs ${name}: install it (Debian: apt-get install ${debianPackage})${problem ? `; ${problem}` : ""}`,
  );
}

/** Path of a Java 17 or newer. @throws Error which says how to get it */
export async function ensureJava() {
  const purpose = "Kafka or the schema registry";
  const home = process.env.JAVA_HOME;
  const java = home ? join(home, "bin/java") : await ensureProgram("java", "openjdk-17-jre-headless", purpose);
  const { stderr } = await run(java, ["-version"]);
  const version = Number(/version "(?:1\.)?(\d+)/.exec(stderr)?.[1]);
  if (version >= 17) return java;
  throw new Error(`${purpose} needs Java 17 or newer, and ${java} is Java ${version}: set JAVA_HOME to a newer one`);
}

/** Runs a program to its end. @throws Error with the end of what it said */
export async function runProgram(path, args, options = {}) {
  try {
    return await run(path, args, { maxBuffer: maxOutput, ...options });
  } catch (error) {
    const said = `${error.stdout ?? ""}\n${error.stderr ?? ""}`.trim().slice(-2000);
    throw new Error(`${path} ${args[0] ?? ""} failed (${error.code ?? error.signal}):\n${said}`, { cause: error });
  }
}

/** @returns why it could not be installed; undefined when it was, or when this is not the process to do so */
async function install(debianPackage) {
  const apt = findProgram("apt-get");
  if (process.getuid?.() !== 0 || apt === undefined) return undefined;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const quiet = ["-qq", "-o", "DPkg::Lock::Timeout=300"];
  try {
    await runProgram(apt, [...quiet, "update"], { env });
    await runProgram(apt, [...quiet, "install", "-y", "--no-install-recommends", debianPackage], { env });
    return undefined;
  } catch (error) {
    return error.message;
  }
}
