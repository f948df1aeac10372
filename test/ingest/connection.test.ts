import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { createLogger } from "../../infra/logging.js";
import { Connection, type ConnectionOptions } from "../../ingest/connection.js";
import type { ConnectionPlan } from "../../ingest/venue.js";
import { until } from "./live-rig.js";

const logger = createLogger({ level: "silent" });
let cleanup: (() => void)[] = [];

afterEach(() => {
  for (const clean of cleanup.reverse()) clean();
  cleanup = [];
});

interface Peer {
  readonly socket: WebSocket;
  readonly received: { text: string; at: number }[];
  readonly openedAt: number;
  closed: boolean;
  pongs: number;
}

async function serverWith(port = 0) {
  const server = new WebSocketServer({ port, host: "127.0.0.1" });
  await new Promise((resolve) => server.once("listening", resolve));
  const peers: Peer[] = [];
  server.on("connection", (socket) => {
    const peer: Peer = { socket, received: [], openedAt: performance.now(), closed: false, pongs: 0 };
    peers.push(peer);
    socket.on("message", (data) => peer.received.push({ text: String(data), at: performance.now() }));
    socket.on("pong", () => peer.pongs++);
    socket.on("close", () => {
      peer.closed = true;
    });
  });
  const stop = () => {
    for (const { socket } of peers) socket.terminate();
    server.close();
  };
  cleanup.push(stop);
  return { peers, stop, port: (server.address() as AddressInfo).port };
}

function connect(port: number, plan: Partial<ConnectionPlan> = {}, options: Partial<ConnectionOptions> = {}) {
  const events: string[] = [];
  const frames: string[] = [];
  const connection = new Connection(
    {
      name: "market-1",
      url: `ws://127.0.0.1:${port}/stream`,
      hello: ["hello"],
      sendIntervalMs: 50,
      maxAgeMs: 3_600_000,
      silenceMs: 60_000,
      subscriptions: [],
      ...plan,
    },
    {
      frame: (text) => {
        frames.push(text);
        return undefined;
      },
      up: (after) => events.push(`up ${after}`),
      down: () => events.push("down"),
    },
    { logger, backoff: { baseMs: 10, capMs: 40 }, overlapMs: 100, ...options },
  );
  cleanup.push(() => connection.stop());
  connection.start();
  return { connection, events, frames };
}

describe("connection", () => {
  it("sends its frames at the venue's pace, and answers pings", async () => {
    const { peers, port } = await serverWith();
    const { events } = connect(port, { hello: ["a", "b", "c"] });
    await until(() => events.length === 1, "up");
    await until(() => peers[0]?.received.length === 3, "three frames");
    const [a, b, c] = peers[0]!.received;
    expect([a!.text, b!.text, c!.text]).toEqual(["a", "b", "c"]);
    expect(c!.at - a!.at).toBeGreaterThan(90);
    peers[0]!.socket.ping("payload");
    await until(() => peers[0]!.pongs === 1, "a pong");
  });

  it("comes back after a loss and says that frames may be missing", async () => {
    const { peers, port } = await serverWith();
    const { events, connection } = connect(port);
    await until(() => connection.connected, "connected");
    peers[0]!.socket.terminate();
    await until(() => events.length === 3, "up again");
    expect(events).toEqual(["up start", "down", "up loss"]);
    expect(peers).toHaveLength(2);
  });

  it("before the limit on age opens and subscribes a new socket, and only then closes the old one", async () => {
    const { peers, port } = await serverWith();
    const { events, frames, connection } = connect(port, { maxAgeMs: 100 });
    await until(() => peers.length === 2 && peers[1]!.received.length === 1, "a second socket, subscribed");
    expect(peers[0]!.closed).toBe(false);
    peers[0]!.socket.send("from the old");
    await until(() => frames.includes("from the old"), "the old one still counts");
    peers[1]!.socket.send("from the new");
    await until(() => peers[0]!.closed, "the old one is closed");
    expect(frames).toContain("from the new");
    expect(events).toEqual(["up start"]);
    expect(connection.connected).toBe(true);
  });

  it("the old socket ends before the new one delivers: that is a loss", async () => {
    const { peers, port } = await serverWith();
    const { events, connection } = connect(port);
    await until(() => connection.connected, "connected");
    connection.renew("test");
    await until(() => peers.length === 2 && peers[1]!.received.length === 1, "subscribed");
    peers[0]!.socket.terminate();
    await until(() => events.length === 3, "up again");
    expect(events).toEqual(["up start", "down", "up loss"]);
    expect(peers).toHaveLength(2);
  });

  it("a silent line is dead; where the next is as silent, patience doubles", async () => {
    const { peers, port } = await serverWith();
    connect(port, { silenceMs: 80 });
    await until(() => peers.length === 3, "two reconnects");
    const lives = [peers[1]!.openedAt - peers[0]!.openedAt, peers[2]!.openedAt - peers[1]!.openedAt];
    expect(lives[0]).toBeGreaterThan(75);
    expect(lives[1]).toBeGreaterThan(150);
  });

  it("keeps trying while nobody listens, and connects when somebody does", async () => {
    const first = await serverWith();
    const { port } = first;
    first.stop();
    const { connection, events } = connect(port);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(events).toEqual([]);
    await serverWith(port);
    await until(() => connection.connected, "connected");
    expect(events).toEqual(["up start"]);
  });

  it("after stop nothing comes any more", async () => {
    const { peers, port } = await serverWith();
    const { connection, events } = connect(port);
    await until(() => connection.connected, "connected");
    connection.stop();
    await until(() => peers[0]!.closed, "closed");
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(events).toEqual(["up start"]);
    expect(peers).toHaveLength(1);
  });
});
