// Brings up what a cluster stands on, prints where it is, and keeps it until Ctrl-C: `npm run services -- --help`.
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { services, startLocally } from "./services/catalog.mjs";
import { composeUp, dockerAnswers } from "./services/docker.mjs";

const names = Object.keys(services);
const dockerDeadlineMs = 120_000;
const portHelp = (name) => `${`  --${name}-port N`.padEnd(23)}port of the local process (${services[name].port})`;
const help = `npm run services -- [options]

Kafka, a schema registry, Redis and ClickHouse on this machine, until Ctrl-C. A service whose address stands in the
environment (${names.map((name) => services[name].variable).join(", ")}) is
used from there; the others come from infra/compose.yaml where a Docker engine answers, else as local processes.

  --only LIST          some of them: ${names.join(",")}
  --data FOLDER        keep their data there; without it, all is gone at the end
  --local              local processes, even where Docker answers
${names.map(portHelp).join("\n")}

TICKPLANT_KAFKA_VERSION chooses Kafka's release (3.9.1, 4.3.1).
`;

/** Where services run: name → {address, about, pid?, ended?}. Whatever must end at the end goes to `stops`. */
async function bringUp(wanted, { ports, data, local }, stops) {
  const up = {};
  const given = wanted.filter((name) => process.env[services[name].variable]);
  for (const name of given) up[name] = await checked(name, process.env[services[name].variable]);
  const missing = wanted.filter((name) => up[name] === undefined);
  if (missing.length > 0 && !local && (await dockerAnswers())) {
    console.error("starting with Docker…");
    const { addresses, stop } = await composeUp(missing);
    stops.push(() => stop({ keepData: data !== undefined }));
    for (const name of missing) up[name] = await awaited(name, services[name].addressOf(addresses[name]));
    return up;
  }
  if (data !== undefined) mkdirSync(data, { recursive: true });
  for (const name of missing) {
    console.error(`starting ${name}…`);
    up[name] = await startLocally(name, ports[name], data);
    stops.push(up[name].stop);
  }
  return up;
}

async function checked(name, address) {
  const { answers, variable } = services[name];
  if (await answers(address)) return { address, about: `by ${variable}` };
  throw new Error(`${name} does not answer at ${withoutPassword(address)}: start it there, or clear ${variable}`);
}

async function awaited(name, address) {
  const deadline = Date.now() + dockerDeadlineMs;
  while (!(await services[name].answers(address))) {
    if (Date.now() > deadline) throw new Error(`${name} does not answer at ${address}: docker compose logs ${name}`);
    await new Promise((wake) => setTimeout(wake, 300));
  }
  return { address, about: "Docker" };
}

const withoutPassword = (address) => address.replace(/\/\/[^/@]*@/, "//…@");

function show(up) {
  const lines = Object.entries(up).map(([name, { address, about, pid }]) => {
    return `# ${name.padEnd(11)}${withoutPassword(address)}  (${about}${pid ? `, pid ${pid}` : ""})`;
  });
  const tests = Object.entries(up).map(([name, { address }]) => `export ${services[name].variable}=${address}`);
  const plant = Object.entries(up).flatMap(([name, { address }]) =>
    services[name].plant(address).map((line) => `export ${line}`),
  );
  const text = [...lines, "# for tests", ...tests, "# for a plant", ...plant, "# ready: Ctrl-C ends it"];
  process.stdout.write(`${text.join("\n")}\n`);
}

function chosen() {
  const port = Object.fromEntries(names.map((name) => [`${name}-port`, { type: "string" }]));
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      data: { type: "string" },
      local: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
      ...port,
    },
  });
  const wanted = values.only?.split(",").map((name) => name.trim()) ?? names;
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`there is no service ${unknown}: choose of ${names.join(", ")}`);
  const ports = Object.fromEntries(names.map((name) => [name, portOf(values[`${name}-port`], services[name].port)]));
  const data = values.data === undefined ? undefined : resolve(values.data);
  return { wanted, ports, data, local: values.local, help: values.help };
}

function portOf(text, fallback) {
  const port = Number(text ?? fallback);
  if (Number.isInteger(port) && port > 0 && port < 65_535) return port;
  throw new Error(`${text} is no port`);
}

const stops = [];
let ending = false;
async function end(code) {
  if (ending) return;
  ending = true;
  for (const stop of stops.reverse()) await stop().catch((error) => console.error(error.message));
  process.exit(code);
}

try {
  const choice = chosen();
  if (choice.help) {
    process.stdout.write(help);
  } else {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end(0));
    const up = await bringUp(choice.wanted, choice, stops);
    show(up);
    setInterval(() => undefined, 3_600_000);
    for (const [name, { ended }] of Object.entries(up)) {
      void ended?.then((how) => {
        if (ending) return;
        console.error(`${name} ended by itself (${how}): the others end too`);
        void end(1);
      });
    }
  }
} catch (error) {
  if (!ending) console.error(error.message);
  await end(1);
}
