import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { createLogger } from "../../infra/logging.js";
import { Connection, type ConnectionOptions } from "../../ingest/connection.js";
import type { ConnectionPlan, FrameNote } from "../../ingest/venue.js";
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
  const lines: number[] = [];
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
      frame: (text, line) => {
        frames.push(text);
        lines.push(line);
        return noteOf(text);
      },
      up: (after) => events.push(`up ${after}`),
      down: (_reason, wasUp) => events.push(wasUp ? "down" : "down, never up"),
      gone: (line) => events.push(`gone ${line}`),
    },
    { logger, backoff: { baseMs: 10, capMs: 40 }, overlapMs: 100, ...options },
  );
  cleanup.push(() => connection.stop());
  connection.start();
  return { connection, events, frames, lines };
}

/** As a venue reads them: `ok X` and `no X` answer the subscription X, `closing` announces a shutdown. */
function noteOf(text: string): FrameNote | undefined {
  const [, word, subscription = ""] = /^(ok|no) (.+)$/.exec(text) ?? [];
  if (word !== undefined) return { subscription, ...(word === "no" && { refusal: "unknown" }) };
  return text === "closing" ? "shutdown" : undefined;
}

describe("connection", () => {
  it("sends its frames at the venue's pace, and answers pings", async () => {
    const { peers, port } = await serverWith();
    const { events } = connect(port, { hello: ["a", "b", "c"] });
    await until(() => events.length === 1, "up");
    await until(() => peers[0]?.received.length === 3, "three frames");
    const [a, b, c] = peers[0]!.received;
    expect([a!.text, b!.text, c!.text]).toEqual(["a", "b", "c"]);
    expect(c!.at - a!.at).toBeGreaterThan(75);
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

  it("one that is lost before all is subscribed has brought frames: what follows is not whole", async () => {
    const { peers, port } = await serverWith();
    const { events, frames, connection } = connect(port, { answers: ["a", "b"] });
    await until(() => peers[0]?.received.length === 1, "subscribed");
    peers[0]!.socket.send("ok a");
    peers[0]!.socket.send("frame");
    await until(() => frames.includes("frame"), "ticks before it is up");
    expect(connection.connected).toBe(false);
    peers[0]!.socket.close();
    await until(() => peers.length === 2, "opened again");
    expect(events).toEqual(["down, never up"]);
    await until(() => peers[1]!.received.length === 1, "subscribed again");
    for (const answer of ["ok a", "ok b"]) peers[1]!.socket.send(answer);
    await until(() => connection.connected, "up");
    expect(events).toEqual(["down, never up", "up start"]);
  });

  it("many subscriptions may take longer than one is waited for, as long as they go on", async () => {
    const { peers, port } = await serverWith();
    const hello = Array.from({ length: 40 }, (_, i) => `${i}`);
    const { events } = connect(port, { hello, answers: hello, sendIntervalMs: 1 }, { openTimeoutMs: 1_500 });
    await until(() => peers[0]?.received.length === hello.length, "all asked for");
    const startedAt = performance.now();
    for (const name of hello) {
      peers[0]!.socket.send(`ok ${name}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(performance.now() - startedAt).toBeGreaterThan(2_000);
    await until(() => events.length > 0, "up");
    expect(events).toEqual(["up start"]);
    expect(peers).toHaveLength(1);
  });

  it("before the limit on age opens and subscribes a new socket, and only then closes the old one", async () => {
    const { peers, port } = await serverWith();
    const { events, frames, lines, connection } = connect(port, { maxAgeMs: 100 });
    await until(() => peers.length === 2 && peers[1]!.received.length === 1, "a second socket, subscribed");
    expect(peers[0]!.closed).toBe(false);
    peers[0]!.socket.send("from the old");
    await until(() => frames.includes("from the old"), "the old one still counts");
    peers[1]!.socket.send("from the new");
    await until(() => peers[0]!.closed, "the old one is closed");
    expect(frames).toContain("from the new");
    expect(events).toEqual(["up start", "gone 1"]);
    expect(lines.slice(-2)).toEqual([1, 2]);
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
    const lost: string[] = [];
    const heard = pino({ level: "warn" }, { write: (line: string) => void lost.push(line) });
    const { connection, events } = connect(port, {}, { logger: heard });
    await until(() => lost.length >= 3, "three attempts in vain");
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

  it("where subscriptions are answered it is up with the last answer, be it a refusal", async () => {
    const { peers, port } = await serverWith();
    const { events, connection } = connect(port, { answers: ["a", "b"] });
    await until(() => peers[0]?.received.length === 1, "subscribed");
    peers[0]!.socket.send("ok a");
    peers[0]!.socket.send("data");
    expect(connection.connected).toBe(false);
    expect(connection.send(["more"])).toBe(false);
    peers[0]!.socket.send("no b");
    await until(() => connection.connected, "up");
    expect(events).toEqual(["up start"]);
  });

  it("a subscription that is not answered in time costs the socket, whatever else it brings", async () => {
    const { peers, port } = await serverWith();
    const { events, connection } = connect(port, { answers: ["a", "b"], silenceMs: 200 }, { openTimeoutMs: 100 });
    await until(() => peers[0]?.received.length === 1, "subscribed");
    peers[0]!.socket.send("ok a");
    const chatter = setInterval(() => peers[0]!.socket.send("data"), 10);
    await until(() => peers.length === 2 && peers[1]!.received.length === 1, "a second socket");
    clearInterval(chatter);
    for (const subscription of ["a", "b"]) peers[1]!.socket.send(`ok ${subscription}`);
    await until(() => connection.connected, "up");
    expect(events).toEqual(["down, never up", "up start"]);
  });

  it("sends its ping while it is up, and more on request within the venue's messages an hour", async () => {
    const { peers, port } = await serverWith();
    const ping = { frame: "ping", everyMs: 20 };
    const { connection } = connect(port, { ping, sendsPerHour: 3, sendIntervalMs: 1 });
    await until(() => connection.connected, "up");
    expect(connection.send(["leave", "join"])).toBe(true);
    expect(connection.send(["once more"])).toBe(false);
    const texts = () => peers[0]!.received.map(({ text }) => text);
    await until(() => texts().filter((text) => text === "ping").length >= 3, "pings");
    expect(texts().filter((text) => text !== "ping")).toEqual(["hello", "leave", "join"]);
  });

  it("a shutdown that is announced opens the next socket; one that fails is told and tried again", async () => {
    const { peers, port } = await serverWith();
    const { events, connection } = connect(port, { answers: ["a"] });
    await until(() => peers[0]?.received.length === 1, "subscribed");
    peers[0]!.socket.send("ok a");
    await until(() => connection.connected, "up");
    peers[0]!.socket.send("closing");
    await until(() => peers[1]?.received.length === 1, "a second socket");
    peers[1]!.socket.terminate();
    await until(() => peers[2]?.received.length === 1, "a third socket");
    peers[2]!.socket.send("ok a");
    await until(() => peers[0]!.closed, "the first is closed");
    expect(events).toEqual(["up start", "gone 2", "gone 1"]);
    expect(connection.connected).toBe(true);
  });
});
