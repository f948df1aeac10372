// The whole embedded plant for some seconds, on the Node that runs this: ticks flow, a WebSocket client gets snapshots
// and updates, REST and SQL answer, and it stops cleanly. Build first.
//   node scripts/smoke.mjs [--sockets auto|uws|ws]
// Prints one line of JSON and exits with 0, or says what failed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "@node-rs/crc32";
import { compressFrame, decompressFrame } from "lz4-napi";
import { WebSocket } from "ws";
import { freePort } from "./services/free-port.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sockets = process.argv.includes("--sockets") ? process.argv[process.argv.indexOf("--sockets") + 1] : "auto";
const DEADLINE_MS = 300_000;
const symbols = ["BTC/USDT", "ETH/USDT"];

const folder = mkdtempSync(join(tmpdir(), "tickplant-smoke-"));
let plant;
const late = setTimeout(() => fail(`not done within ${DEADLINE_MS} ms`), DEADLINE_MS);
process.on("exit", () => {
  plant?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

function fail(why) {
  process.stderr.write(`smoke on Node ${process.versions.node}: ${why}\n${plant?.said ?? ""}`);
  process.exit(1);
}

function check(holds, what) {
  if (!holds) fail(what);
}

async function until(ask, what) {
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined && answer !== false) return answer;
    if (plant.exitCode !== null) fail(`the plant ended while it waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Native parts beside those that the plant itself goes through. */
async function natives() {
  check(crc32("123456789") === 0xcbf43926, "CRC-32 of a known text");
  const bytes = Buffer.from("tickplant ".repeat(100));
  check((await decompressFrame(await compressFrame(bytes))).equals(bytes), "lz4 there and back");
  const anvil = createRequire(import.meta.url).resolve("@foundry-rs/anvil/package.json");
  const bin = join(dirname(anvil), Object.values(createRequire(import.meta.url)(anvil).bin)[0]);
  const child = spawn(process.execPath, [bin, "--version"], { stdio: "ignore" });
  check((await once(child, "exit"))[0] === 0, "anvil starts");
}

async function start() {
  const [venue, rest, webSocket, store] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const url = `127.0.0.1:${venue}`;
  const config = {
    dataFolder: join(folder, "data"),
    partitions: 2,
    simulator: { venues: [{ id: "binance", port: venue, dialect: "spot", symbols, rate: 50 }] },
    ingest: { venues: [{ id: "binance", restUrl: `http://${url}`, wsUrl: `ws://${url}`, symbols }] },
    store: { port: store },
    sink: { ms: 200 },
    push: { restPort: rest, webSocketPort: webSocket, sockets },
  };
  writeFileSync(join(folder, "plant.yaml"), JSON.stringify(config));
  const args = [join(root, "dist/main.js"), "start", "--config", join(folder, "plant.yaml")];
  plant = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  plant.said = "";
  for (const stream of [plant.stdout, plant.stderr]) {
    stream.on("data", (text) => {
      plant.said = (plant.said + text).slice(-100_000);
    });
  }
  await until(async () => plant.said.includes("Ctrl-C stops it"), "the greeting");
  return {
    rest: `http://127.0.0.1:${rest}`,
    webSocket: `ws://127.0.0.1:${webSocket}`,
    store: `http://127.0.0.1:${store}`,
  };
}

/** Messages of each channel until each has a first one and updates behind it. */
async function follow(webSocket) {
  const channels = ["ticker:BTC/USDT", "depth:BTC/USDT@binance", "trade:ETH/USDT@binance", "kline:BTC/USDT@binance:1m"];
  const counts = new Map(channels.map((channel) => [channel, 0]));
  let isBook = false;
  const socket = new WebSocket(webSocket);
  socket.on("message", (bytes) => {
    const { channel, data } = JSON.parse(bytes);
    if (data === undefined) return;
    if (counts.get(channel) === 0 && channel.startsWith("depth:")) isBook = data.is_snapshot === true;
    counts.set(channel, counts.get(channel) + 1);
  });
  await once(socket, "open");
  socket.send(JSON.stringify({ op: "subscribe", id: 1, channels }));
  await until(async () => [...counts.values()].every((count) => count >= 3), "snapshots and updates");
  check(isBook, "a book begins with a snapshot");
  socket.close();
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

async function sql(store) {
  const query = "SELECT count() FROM tickplant.trades";
  return until(async () => {
    const answer = await fetch(`${store}/?query=${encodeURIComponent(query)}`);
    return answer.ok && Number(await answer.text()) > 0;
  }, "trades in SQL");
}

const began = performance.now();
await natives();
const urls = await start();
await until(async () => (await fetch(`${urls.rest}/v1/depth?symbol=BTC/USDT&exchange=binance`)).ok, "a book");
const messages = await follow(urls.webSocket);
const tickers = await until(async () => {
  const answer = await fetch(`${urls.rest}/v1/tickers`);
  return answer.ok && (await answer.json()).length;
}, "tickers of REST");
await until(async () => (await fetch(`${urls.rest}/readyz`)).ok, "readiness");
check((await fetch(`${urls.rest}/metrics`)).ok, "metrics");
await sql(urls.store);
const library = /"sockets":"(\w+)"/.exec(plant.said)?.[1] ?? sockets;
const stopping = performance.now();
const ended = once(plant, "exit");
plant.kill("SIGINT");
const [code] = await ended;
check(code === 0, `it ended with ${code}`);
clearTimeout(late);
const seconds = (ms) => Math.round(ms / 100) / 10;
const stopSeconds = seconds(performance.now() - stopping);
const all = seconds(performance.now() - began);
console.log(
  JSON.stringify({ node: process.versions.node, sockets: library, tickers, messages, stopSeconds, seconds: all }),
);
