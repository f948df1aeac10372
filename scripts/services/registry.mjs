import { readdirSync } from "node:fs";
import { join } from "node:path";
import { cached } from "./cache.mjs";
import { freePort, mustBeFree } from "./free-port.mjs";
import { ARCHIVE_MS, quickStart } from "./java-classes.mjs";
import { fetchArchive } from "./maven.mjs";
import { ensureJava } from "./programs.mjs";
import { ServiceProcess } from "./service-process.mjs";

const version = "3.0.9";

/** Downloads the schema registry (Apicurio) where it is not in the cache yet. @returns its folder */
export async function ensureRegistry() {
  const archive = {
    group: "io.apicurio",
    artifact: "apicurio-registry-app",
    version,
    type: "tar.gz",
    classifier: "all",
  };
  return cached(`apicurio-${version}`, (part) => fetchArchive(part, archive));
}

/**
 * Starts a schema registry on 127.0.0.1, whose schemas lie in its folder.
 *
 * @param options.isMeasured its code is compiled thoroughly, as in production, which costs time at the start
 * @returns its handle, when it answers
 */
export async function startRegistry(options = {}) {
  const java = await ensureJava();
  return start(options, java, options.isMeasured ? [] : await quickFlags(java));
}

/** Downloads it and writes its archive of classes, where they are not in the cache yet. @returns its folder */
export async function prepareRegistry() {
  await quickFlags(await ensureJava());
  return ensureRegistry();
}

/** The flags of a quick start, by which a registry of its own writes the archive of classes. */
const quickFlags = (java) =>
  quickStart(java, `apicurio-${version}`, async (flags) => {
    await (await start({ stopMs: ARCHIVE_MS }, java, flags)).stop();
  });

async function start(options, java, javaFlags) {
  const home = await ensureRegistry();
  const jar = readdirSync(home).find((name) => name.endsWith("-runner.jar"));
  if (jar === undefined) throw new Error(`${home} holds no registry: delete it, and it is fetched anew`);
  const port = options.port ?? (await freePort());
  await mustBeFree(port, "the schema registry");
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
  const command = async (folder) => {
    const settings = {
      "java.io.tmpdir": folder,
      "quarkus.http.host": "127.0.0.1",
      "quarkus.http.port": port,
      "quarkus.log.level": "WARN",
      "apicurio.storage.kind": "sql",
      "apicurio.storage.sql.kind": "h2",
      // By default it may lose half a second of what it acknowledged.
      "apicurio.datasource.url": `jdbc:h2:file:${join(folder, "schemas")};WRITE_DELAY=0`,
      // Tests take a namespace each.
      "apicurio.ccompat.max-subjects": 1_000_000,
    };
    const flags = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
    return {
      path: java,
      args: ["-Xmx256m", "-XX:+UseSerialGC", "-XX:-UsePerfData", ...javaFlags, ...flags, "-jar", join(home, jar)],
    };
  };
  const service = new ServiceProcess({
    name: "registry",
    folder: options.folder,
    stopMs: options.stopMs,
    command,
    answers: () => registryAnswers(url),
  });
  await service.start();
  return service.handle({ url });
}

/** Whether a Confluent-compatible registry lists its subjects at this URL. Never throws. */
export async function registryAnswers(url) {
  try {
    const { username, password } = new URL(url);
    const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64");
    const address = new URL(`${url.replace(/\/$/, "")}/subjects`);
    address.username = address.password = "";
    const response = await fetch(address, {
      headers: username ? { authorization: `Basic ${basic}` } : {},
      signal: AbortSignal.timeout(3000),
    });
    return response.ok && Array.isArray(await response.json());
  } catch {
    return false;
  }
}
