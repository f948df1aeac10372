import { constants, existsSync } from "node:fs";
import { access, readdir, readFile, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import { topicSettings } from "../topics.js";
import { type Check, type Finding, note, ok, wrong } from "./finding.js";

const LEAST_NODE = [20, 19] as const;
const LEAST_FREE_BYTES = 1024 ** 3;
const LIVEZ_TIMEOUT_MS = 2_000;

export const nodeCheck: Check = {
  name: "node",
  todo: "",
  async run() {
    const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
    const [leastMajor, leastMinor] = LEAST_NODE;
    if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return [ok("node", process.version)];
    return [wrong("node", `${process.version} is too old`, `install Node ${LEAST_NODE.join(".")} or later`)];
  },
};

/** Whether the folder, or what it would be made in, can be written, and how much room it has. */
export function dataFolderCheck({ dataFolder }: PlantConfig): Check {
  const name = "data folder";
  const todo = "give the plant's user the folder, or name another (dataFolder, --data-folder)";
  return {
    name,
    todo,
    async run() {
      let place = resolve(dataFolder);
      while (!existsSync(place)) place = dirname(place);
      await access(place, constants.W_OK | constants.X_OK);
      const { bavail, bsize } = await statfs(place);
      const free = bavail * bsize;
      const missing = place === resolve(dataFolder) ? "" : ", made at the first start";
      const found = `${dataFolder} can be written${missing}, ${(free / 1024 ** 3).toFixed(1)} GiB free`;
      return [free < LEAST_FREE_BYTES ? wrong(name, found, "free space, or name another disk") : ok(name, found)];
    },
  };
}

/** The embedded log as it lies on disk; opening it would mend it. */
export function embeddedLogCheck(config: PlantConfig): Check {
  const name = "log";
  const todo = "restore log/ and schemas.json of the data folder from a backup, or name an empty folder";
  return {
    name,
    todo,
    async run() {
      const topics = join(config.dataFolder, "log", "topics");
      if (!existsSync(topics)) return [ok(name, `${join(config.dataFolder, "log")} is made at the first start`)];
      const findings: Finding[] = [];
      for (const { name: topic, partitions } of topicSettings(config)) {
        const folder = join(topics, topic);
        if (!existsSync(folder)) continue;
        const found = (await readdir(folder)).filter((entry) => /^\d+$/.test(entry)).length;
        if (found > partitions)
          findings.push(
            wrong(name, `${topic} has ${found} partitions, configured are ${partitions}`, `set partitions to ${found}`),
          );
      }
      const schemas = join(config.dataFolder, "schemas.json");
      if (!existsSync(schemas)) findings.push(wrong(name, `${schemas} is missing: the log can not be read`, todo));
      else JSON.parse(await readFile(schemas, "utf8"));
      return findings.length > 0 ? findings : [ok(name, `${(await readdir(topics)).length} topics in ${topics}`)];
    },
  };
}

interface Listener {
  readonly setting: string;
  readonly host: string;
  readonly port: number;
  /** Where a plant's own process would answer for itself. */
  readonly path?: string;
}

/** Every port that the roles of this process listen on. */
export function portsCheck(config: PlantConfig): Check {
  const name = "ports";
  return {
    name,
    todo: "end the program that has the port, or change the setting",
    async run() {
      const listeners = listenersOf(config).filter(({ port }) => port !== 0);
      const taken = (await Promise.all(listeners.map(async (one) => ((await isFree(one)) ? [] : [one])))).flat();
      const named = ({ setting, port }: Listener) => `${port} (${setting})`;
      if (taken.length === 0) {
        return [ok(name, listeners.length === 0 ? "any free ones" : `free: ${listeners.map(named).join(", ")}`)];
      }
      const running = (await Promise.all(taken.map(answersForItself))).includes(true);
      return taken.map((one) =>
        running
          ? note(name, `${named(one)} is taken, and a plant runs here`)
          : wrong(name, `${named(one)} is taken`, `end the program that has it, or change ${one.setting}`),
      );
    },
  };
}

function listenersOf({ roles, push, metricsHost, metricsPort, store, simulator, ingest }: PlantConfig): Listener[] {
  const has = (role: (typeof roles)[number]) => roles.includes(role);
  const loopback = "127.0.0.1";
  const listeners: Listener[] = has("push")
    ? [
        { setting: "push.restPort", host: push.host, port: push.restPort, path: "/livez" },
        { setting: "push.webSocketPort", host: push.host, port: push.webSocketPort },
      ]
    : [{ setting: "metricsPort", host: metricsHost, port: metricsPort, path: "/livez" }];
  if (store.url === undefined && (has("sink") || has("push")))
    listeners.push({ setting: "store.port", host: loopback, port: store.port });
  if (has("ingest"))
    for (const [at, venue] of simulator.venues.entries())
      listeners.push({ setting: `simulator.venues[${at}].port`, host: loopback, port: venue.port });
  const { keys, host, port } = ingest.endpoint;
  if (has("ingest") && !has("push") && keys.length > 0) listeners.push({ setting: "ingest.endpoint.port", host, port });
  return listeners;
}

function isFree({ host, port }: Listener): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

async function answersForItself({ host, port, path }: Listener): Promise<boolean> {
  if (path === undefined) return false;
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  try {
    const signal = AbortSignal.timeout(LIVEZ_TIMEOUT_MS);
    // 503: a plant that wants to be started again
    return [200, 503].includes((await fetch(`http://${reachable}:${port}${path}`, { signal })).status);
  } catch {
    return false;
  }
}
