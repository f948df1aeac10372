import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { EmbeddedBus } from "../../infra/bus/embedded-bus.js";
import { createLogger } from "../../infra/logging.js";
import { Metrics } from "../../infra/metrics.js";
import { PushMetrics } from "../../push/metrics.js";
import { PlantPulse } from "../../push/plant-pulse.js";
import { defaultPushSettings } from "../../push/settings.js";
import { serveWebSocket } from "../../push/websocket.js";

const channel = "trade:BTC/USDT@binance";
const subscribers = 1_000;

export interface FanOut {
  readonly subscribers: number;
  readonly messages: number;
  readonly messageBytes: number;
  readonly seconds: number;
  readonly deliveriesPerSecond: number;
  /** Of the hub's own processor time: what a core to itself would do, whatever else runs beside it. */
  readonly deliveriesPerCpuSecond: number;
}

/**
 * Deliveries a second from the bus through the hub to 1,000 subscribers of one channel. The subscribers live in a
 * process of their own and only count bytes, so that the hub is what is measured.
 */
export async function measureFanOut(messages = 5_000, sockets: "auto" | "uws" | "ws" = "auto"): Promise<FanOut> {
  const bus = new EmbeddedBus();
  const settings = { ...defaultPushSettings, webSocketPort: 0, sockets };
  const metrics = new PushMetrics(new Metrics());
  const logger = createLogger({ level: "error" });
  const pulse = new PlantPulse({ bus, logger, expected: false });
  const server = await serveWebSocket(bus, settings, metrics, logger, pulse, () => ({ ready: true, reasons: [] }));
  const trade = payload(1);
  const frameBytes = Buffer.byteLength(trade) + 4;
  const clients = fork(fileURLToPath(import.meta.url), ["clients", String(server.port)]);
  await once(clients, "message");
  clients.send(messages * frameBytes);
  await once(clients, "message");
  const counted = once(clients, "message");
  const begun = performance.now();
  const used = process.cpuUsage();
  for (let sequence = 1; sequence <= messages; sequence += 10) {
    const batch = Array.from({ length: 10 }, (_, at) => sequence + at);
    await bus.publish(
      batch.map((each) => ({ channel, epoch: 1, sequence: each, kind: "event", payload: payload(each) })),
    );
    await nextTurn();
  }
  await counted;
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(used);
  clients.kill();
  await server.stop();
  const deliveries = subscribers * messages;
  return {
    subscribers,
    messages,
    messageBytes: frameBytes - 4,
    seconds,
    deliveriesPerSecond: Math.round(deliveries / seconds),
    deliveriesPerCpuSecond: Math.round(deliveries / ((user + system) / 1_000_000)),
  };
}

/** Always as long, so that bytes count messages. */
function payload(sequence: number): string {
  const head = `{"channel":"${channel}","epoch":1795000000000000,"sequence":${1_000_000 + sequence},"data":`;
  return `${head}{"symbol":"BTC/USDT","exchange":"binance","trade_id":"${4_000_000_000 + sequence}","price":"61837.63","qty":"0.01482","side":"buy","timestamp":1795000000000000,"epoch":1795000000000000,"sequence_num":${1_000_000 + sequence},"retracts":null}}`;
}

async function runClients(port: number): Promise<void> {
  let bytes = 0;
  let wanted = Number.POSITIVE_INFINITY;
  const sockets = await Promise.all(Array.from({ length: subscribers }, () => subscribe(port)));
  for (const socket of sockets) {
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      if (bytes < wanted) return;
      wanted = Number.POSITIVE_INFINITY;
      process.send?.("all there");
    });
  }
  process.send?.("subscribed");
  process.on("message", (each) => {
    wanted = Number(each) * subscribers;
    process.send?.("counting");
  });
}

/** A connection that has subscribed the channel and had its answer. */
async function subscribe(port: number): Promise<Socket> {
  const socket = createConnection(port, "127.0.0.1");
  await once(socket, "connect");
  const key = randomBytes(16).toString("base64");
  const head = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13";
  socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\n${head}\r\nSec-WebSocket-Key: ${key}\r\n\r\n`);
  await once(socket, "data");
  const request = Buffer.from(JSON.stringify({ op: "subscribe", id: 1, channels: [channel] }));
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | request.length, 0, 0, 0, 0]), request]));
  let heard = "";
  while (!heard.includes('"snapshot":false}]}')) heard += String((await once(socket, "data"))[0]);
  return socket;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === "clients") await runClients(Number(process.argv[3]));
  else console.log(JSON.stringify(await measureFanOut()));
}
