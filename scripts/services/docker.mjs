import { fileURLToPath } from "node:url";
import { findProgram, runProgram } from "./programs.mjs";

const composeFile = fileURLToPath(new URL("../../infra/compose.yaml", import.meta.url));
const infoTimeoutMs = 10_000;

/** Whether a Docker engine answers. */
export async function dockerAnswers() {
  const docker = findProgram("docker");
  if (docker === undefined) return false;
  return runProgram(docker, ["info"], { timeout: infoTimeoutMs }).then(
    () => true,
    () => false,
  );
}

/**
 * Brings services of infra/compose.yaml up.
 *
 * @returns where each is published, host:port, and `stop`, which ends those that did not run before
 */
export async function composeUp(names) {
  const ran = (await compose("ps", "--services", "--status", "running")).split(/\s+/);
  await compose("up", "-d", ...names);
  const config = JSON.parse(await compose("config", "--format", "json"));
  const started = names.filter((name) => !ran.includes(name));
  return {
    addresses: Object.fromEntries(names.map((name) => [name, publishedAt(config, name)])),
    async stop({ keepData }) {
      if (started.length > 0) await compose(...(keepData ? ["stop"] : ["rm", "-s", "-f", "-v"]), ...started);
    },
  };
}

function publishedAt(config, name) {
  const { published, host_ip } = config.services?.[name]?.ports?.find((port) => port.published) ?? {};
  if (!published) throw new Error(`${composeFile} publishes no port of ${name}`);
  return `${!host_ip || host_ip === "0.0.0.0" ? "127.0.0.1" : host_ip}:${published}`;
}

async function compose(...args) {
  const { stdout } = await runProgram(findProgram("docker"), ["compose", "-f", composeFile, ...args]);
  return stdout;
}
