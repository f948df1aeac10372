import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { WebSocket } from "ws";
import { entryPoint } from "../../../infra/entry-point.js";
import { type Cost, costOf } from "./process-cost.js";

const key = "a-key-of-the-bench-alone";
const symbols = ["AAA/USDT", "BBB/USDT", "CCC/USDT", "DDD/USDT"];
const requests = 50;
const linesPerRequest = 400;
const requestEveryMs = 100;
const clients = 20;

/**
 * A plant with the ingest endpoint and WebSocket clients: a fixed number of ticks at a fixed pace, each trade counted
 * at each client. The run ends when every client has every trade and the plant has stopped.
 *
 * @throws Error when a request is refused or the plant ends early
 */
export async function serving(main: string, folder: string): Promise<Cost> {
  const { freePort } = (await import(
    pathToFileURL(entryPoint("../scripts/services/free-port.mjs")).href
  )) as typeof import("../../../scripts/services/free-port.mjs");
  const [rest, webSocket, store] = [await freePort(), await freePort(), await freePort()];
  const config = join(folder, "plant.yaml");
  const settings = {
    dataFolder: join(folder, "data"),
    roles: ["ingest", "process", "sink", "push"],
    ingest: { endpoint: { keys: [{ name: "bench", key, exchanges: ["desk"] }] } },
    store: { port: store },
    push: { restPort: rest, webSocketPort: webSocket },
    logging: { level: "warn" },
  };
  writeFileSync(config, JSON.stringify(settings));
  return costOf({
    args: [main, "start", "--config", config],
    async use(child) {
      child.stdout!.resume();
      await answers(`http://127.0.0.1:${rest}/readyz`);
      const trades = requests * linesPerRequest * tradeShare;
      const done = Promise.all(Array.from({ length: clients }, () => follow(`ws://127.0.0.1:${webSocket}`, trades)));
      await post(`http://127.0.0.1:${rest}/v1/ingest`);
      for (const socket of await done) socket.terminate();
      child.kill("SIGINT");
    },
  });
}

async function answers(url: string): Promise<void> {
  for (;;) {
    const status = await fetch(url).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    await pause(50);
  }
}

const tradeShare = 0.25;

/** A quarter trades, half quotes, a quarter depth, over all symbols. */
function lines(request: number): string {
  const made: object[] = [];
  const time = Date.now() * 1000;
  for (let at = 0; at < linesPerRequest; at++) {
    const number = request * linesPerRequest + at;
    const base = { exchange: "desk", symbol: symbols[(number >> 2) % symbols.length], exchange_time: time };
    const cents = 10_000 + ((number * 7) % 100);
    const price = (cents / 100).toFixed(2);
    if (at % 4 === 0) {
      made.push({ ...base, kind: "trade", trade_id: String(number), price, qty: "0.5", side: "buy" });
    } else if (at % 4 === 3) {
      const bids = [[price, `${1 + (number % 9)}`]];
      made.push({ ...base, kind: "depth", is_snapshot: true, update_id: number, bids, asks: [["120.00", "2"]] });
    } else {
      made.push({ ...base, kind: "quote", bid_price: price, bid_qty: "1", ask_price: "120.00", ask_qty: "2" });
    }
  }
  return made.map((line) => JSON.stringify(line)).join("\n");
}

async function post(url: string): Promise<void> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/x-ndjson" };
  const began = performance.now();
  for (let request = 0; request < requests; request++) {
    const response = await fetch(url, { method: "POST", headers, body: lines(request) });
    const { accepted } = (await response.json()) as { accepted?: number };
    if (accepted !== linesPerRequest) throw new Error(`request ${request}: ${response.status}, ${accepted} accepted`);
    await pause(Math.max(0, began + (request + 1) * requestEveryMs - performance.now()));
  }
}

/** A client of trades, tickers and depth of every symbol. Resolves when it has had so many trades. */
function follow(url: string, trades: number): Promise<WebSocket> {
  const kinds = ["trade", "ticker", "depth"];
  const channels = symbols.flatMap((symbol) => kinds.map((kind) => `${kind}:${symbol}@desk`));
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    let left = trades;
    socket.on("open", () => socket.send(JSON.stringify({ op: "subscribe", id: 1, channels })));
    socket.on("message", (text: Buffer) => {
      if (text.indexOf('{"channel":"trade:') === 0 && --left === 0) resolve(socket);
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`a client was closed, ${left} trades before its last`)));
  });
}
