import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { recording } from "../recordings.js";
import { freePort, mainFile, PlantProcess, signalGroup, temporaryFolder, testConfig } from "./plant-process.js";

let folders: Awaited<ReturnType<typeof temporaryFolder>>;
const running = new Set<PlantProcess>();
const servers = new Set<Server>();
const bitcoin = () => recording("hftbacktest/spot/btcusdt_20240808.gz");

beforeAll(async () => {
  folders = await temporaryFolder();
});
afterAll(() => folders.remove());
afterEach(async () => {
  for (const plant of running) if (signalGroup(plant.child.pid!, 0)) await plant.kill();
  running.clear();
  for (const server of servers) server.close();
  servers.clear();
});

/** Runs a command that must end by itself. */
async function run(...args: string[]) {
  const command = new PlantProcess(args);
  running.add(command);
  const { code } = await command.ended;
  expect(signalGroup(command.child.pid!, 0), "a child was left behind").toBe(false);
  return {
    code,
    stdout: command.stdout,
    lines: command.stderr
      .trimEnd()
      .split("\n")
      .filter((line) => !line.startsWith("{")),
  };
}

async function takenPort(): Promise<number> {
  const port = await freePort();
  const server = createServer();
  servers.add(server);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return port;
}

async function configFile(name: string, text: object | string): Promise<string> {
  const file = join(folders.folder, `${name}.yaml`);
  await writeFile(file, typeof text === "string" ? text : JSON.stringify(text));
  return file;
}

describe("a command that can not do what it is asked", () => {
  it("names every wrong key and value of the configuration", async () => {
    const file = await configFile(
      "wrong",
      "partitons: 3\nstore: { port: eighty }\ningest: { venues: [{ id: binance, symbols: [BTCUSDT] }] }\n",
    );
    for (const command of ["start", "config", "topics", "migrate"]) {
      const { code, lines } = await run(command, "--config", file);
      expect(code).toBe(1);
      expect(lines[0]).toMatch(/^TP_CONFIG_INVALID: /);
      for (const path of ["partitons", "store.port", "ingest.venues[0].symbols[0]"])
        expect(lines.join("\n")).toContain(path);
    }
  });

  it("says so of a configuration that is not there or is no YAML", async () => {
    const absent = await run("start", "--config", join(folders.folder, "absent.yaml"));
    expect(absent).toMatchObject({ code: 1 });
    expect(absent.lines.join("\n")).toMatch(/TP_CONFIG_INVALID[\s\S]*absent\.yaml/);
    const broken = await run("start", "--config", await configFile("broken", "a: [1\nb: }"));
    expect(broken.code).toBe(1);
    expect(broken.lines.join("\n")).toMatch(/TP_CONFIG_INVALID[\s\S]*broken\.yaml/);
  });

  it.each([
    ["push.restPort", (port: number) => ({ push: { restPort: port, webSocketPort: 0 }, store: { port: 0 } })],
    ["push.webSocketPort", (port: number) => ({ push: { restPort: 0, webSocketPort: port }, store: { port: 0 } })],
    ["store.port", (port: number) => ({ push: { restPort: 0, webSocketPort: 0 }, store: { port } })],
    [
      "simulator.venues[].port",
      (port: number) => ({
        push: { restPort: 0, webSocketPort: 0 },
        store: { port: 0 },
        simulator: { venues: [{ id: "binance", port, symbols: ["BTC/USDT"] }] },
      }),
    ],
  ])("names %s when its port is taken, and leaves nothing behind", async (setting, ports) => {
    const port = await takenPort();
    const dataFolder = join(folders.folder, setting);
    const file = await configFile(setting, { dataFolder, logging: { level: "fatal" }, ...ports(port) });
    const { code, lines } = await run("start", "--config", file);
    expect(code).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^TP_[A-Z_]+: /);
    expect(lines[0]).toContain(String(port));
    expect(lines[0]).toContain(setting);
  });

  it("refuses a second plant in the same folder, and the first goes on", async () => {
    const config = testConfig({ dataFolder: join(folders.folder, "shared"), roles: ["process"] });
    const first = await PlantProcess.start(config);
    running.add(first);
    await first.running();
    const { code, lines } = await run("start", "--config", `${config.dataFolder}.yaml`);
    expect(code).toBe(1);
    expect(lines).toEqual([expect.stringMatching(/^TP_PLANT_RUNNING: .*--data-folder/)]);
    expect(first.hasEnded).toBe(false);
    first.interrupt();
    expect(await first.ended).toEqual({ code: 0, signal: null });
  });

  it("refuses a role that there is not", async () => {
    const { code, lines } = await run("start", "--roles", "process,sinc", "--data-folder", folders.folder);
    expect(code).toBe(1);
    expect(lines.join("\n")).toMatch(/TP_CONFIG_INVALID[\s\S]*roles\[1\]/);
  });
});

describe("replay", () => {
  it.each([
    ["a file that is not there", () => ["/nowhere/file.gz"], /^TP_[A-Z_]+: .*\/nowhere\/file\.gz/],
    ["a venue that there is not", () => [bitcoin(), "--venue", "nasdaq"], /^TP_[A-Z_]+: .*nasdaq/],
    ["a format that there is not", () => [bitcoin(), "--format", "parquet"], /^TP_[A-Z_]+: .*parquet/],
    ["no venue where the format says none", () => [bitcoin()], /^TP_[A-Z_]+: .*--venue/],
    ["a time that is none", () => [bitcoin(), "--venue", "binance", "--until", "tomorrow"], /^TP_[A-Z_]+: .*tomorrow/],
    [
      "a speed that is none",
      () => [bitcoin(), "--venue", "binance", "--to", "plant", "--speed", "fast", "-d", join(folders.folder, "fast")],
      /^TP_[A-Z_]+: .*fast/,
    ],
    ["a file of something else", () => [mainFile], /^TP_[A-Z_]+: .*main\.js/],
  ])("answers %s in one line with a code", async (_what, args, message) => {
    const { code, lines, stdout } = await run("replay", ...args());
    expect(lines).toEqual([expect.stringMatching(message)]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  it("refuses a plant that holds a timeline already", async () => {
    const ticks = join(folders.folder, "ticks.ndjson");
    const trade = { kind: "trade", exchange: "kraken", symbol: "BTC/USDT", trade_id: "1", price: "100.1", qty: "1" };
    await writeFile(ticks, `${JSON.stringify({ ...trade, side: "buy", receive_time: 1_762_795_420_000_000 })}\n`);
    const file = await configFile("own", {
      dataFolder: join(folders.folder, "own"),
      logging: { level: "warn" },
      store: { port: 0 },
      push: { restPort: 0, webSocketPort: 0 },
    });
    const replay = () => run("replay", ticks, "--to", "plant", "--config", file);
    expect((await replay()).code).toBe(0);
    const again = await replay();
    expect(again.code).toBe(1);
    expect(again.lines).toEqual([expect.stringMatching(/^TP_PLANT_NOT_EMPTY: .*--data-folder/)]);
  });

  it("ends quietly when the reader of its output goes away", async () => {
    const command = `"${process.execPath}" "${mainFile}" replay "${bitcoin()}" --venue binance | head -n 3`;
    const child = spawn("bash", ["-o", "pipefail", "-c", command], { stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text: Buffer) => {
      stdout += text.toString();
    });
    child.stderr.on("data", (text: Buffer) => {
      stderr += text.toString();
    });
    const [code] = (await once(child, "close")) as [number];
    expect(stdout.trimEnd().split("\n")).toHaveLength(3);
    expect(stderr).not.toMatch(/EPIPE|Error|at /);
    expect(code).toBe(0);
  });
});
