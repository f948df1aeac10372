import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { cached } from "./cache.mjs";
import { freePort, mustBeFree } from "./free-port.mjs";
import { findProgram, runProgram } from "./programs.mjs";
import { ServiceProcess } from "./service-process.mjs";

/** Debian 12's package, which is unpacked and not installed: it would bring a daemon with it. */
const version = "2.42.0+ds-5+deb12u1";
/** SHA-256 of the package, by architecture as Debian calls it; others are as apt's signatures have them. */
const checksums = { amd64: "81d59a24fce84f7fbe97a45a4f2914b6a5881b5cd1db2a6a0e129e515e1a5f55" };

const help =
  "put prometheus and promtool on the PATH, or their folder into TICKPLANT_PROMETHEUS (Debian: apt-get install prometheus)";

/**
 * Prometheus and promtool, which the alerts are tested with: those of the folder TICKPLANT_PROMETHEUS or of the PATH,
 * else Debian's, fetched once from the mirror that this machine's apt is set to.
 *
 * @returns { prometheus, promtool }, their paths
 * @throws Error which says how to get them
 */
export async function ensurePrometheus() {
  const given = process.env.TICKPLANT_PROMETHEUS;
  if (given) return programsIn(given);
  const promtool = findProgram("promtool");
  const prometheus = findProgram("prometheus");
  if (promtool !== undefined && prometheus !== undefined) return { prometheus, promtool };
  const name = `prometheus-${version.replaceAll("+", "-")}`;
  return programsIn(join(await cached(name, fetchPackage), "usr/bin"));
}

const programsIn = (folder) => ({ prometheus: join(folder, "prometheus"), promtool: join(folder, "promtool") });

async function fetchPackage(folder) {
  const [apt, dpkg] = [findProgram("apt-get"), findProgram("dpkg")];
  if (apt === undefined || dpkg === undefined) throw new Error(`The alerts' tests need Prometheus: ${help}`);
  const download = () => runProgram(apt, ["-qq", "download", `prometheus=${version}`], { cwd: folder });
  try {
    // the package lists may be missing, or older than the mirror
    await download().catch(async () => {
      await runProgram(apt, ["-qq", "-o", "DPkg::Lock::Timeout=300", "update"]);
      await download();
    });
  } catch (error) {
    throw new Error(`The alerts' tests need Prometheus: ${help}; ${error.message}`, { cause: error });
  }
  const file = join(
    folder,
    readdirSync(folder).find((one) => one.endsWith(".deb")),
  );
  const { stdout } = await runProgram(dpkg, ["--print-architecture"]);
  const wanted = checksums[stdout.trim()];
  const found = createHash("sha256").update(readFileSync(file)).digest("hex");
  if (wanted !== undefined && found !== wanted)
    throw new Error(`prometheus ${version} has the checksum ${found} and not ${wanted}: it is not used`);
  await runProgram(dpkg, ["-x", file, folder]);
  rmSync(file);
}

/**
 * Starts a Prometheus on 127.0.0.1 with a configuration that exists.
 *
 * @param options.config path of prometheus.yml; its rule files lie relative to it
 * @returns its handle, when it is ready
 */
export async function startPrometheus({ config }) {
  const { prometheus } = await ensurePrometheus();
  const port = await freePort();
  await mustBeFree(port, "Prometheus");
  const url = `http://127.0.0.1:${port}`;
  const command = async (folder) => ({
    path: prometheus,
    args: [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      // Debian's asks for consoles that are not unpacked here
      `--web.console.templates=${dirname(config)}`,
      `--web.console.libraries=${dirname(config)}`,
    ],
  });
  const service = new ServiceProcess({ name: "prometheus", command, answers: () => answers(url) });
  await service.start();
  return service.handle({ port, url });
}

async function answers(url) {
  const response = await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(3000) });
  return response.ok;
}
