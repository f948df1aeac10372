import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { type WebSocket, WebSocketServer } from "ws";
import type { SilentVenue } from "./silent-venues.js";

/**
 * A local exchange that lists one market, acknowledges each subscription, and sends nothing of it.
 *
 * @param moving names of which frames come nevertheless
 */
export async function silentExchange(venue: SilentVenue, moving: readonly string[] = []) {
  const { rest, welcome, names, acknowledge, gzip, frame } = venue;
  const timers = new Set<NodeJS.Timeout>();
  /** `path name`, as they were subscribed. */
  const asked = new Set<string>();
  const unanswered: string[] = [];
  let wsUrl = "";
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      const text = `${request.url} ${body}`;
      const key = Object.keys(rest).find((part) => text.includes(part));
      if (key === undefined) unanswered.push(text);
      const answer = JSON.stringify(key === undefined ? {} : rest[key]).replace('"WS/"', `"${wsUrl}/"`);
      response.writeHead(key === undefined ? 404 : 200, { "content-type": "application/json" }).end(answer);
    });
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket: WebSocket, { url = "" }) => {
    const send = (message: unknown) =>
      socket.send(gzip === true ? gzipSync(JSON.stringify(message)) : JSON.stringify(message));
    if (welcome !== undefined) send(welcome);
    socket.on("message", (data) => {
      const text = String(data);
      if (!text.startsWith("{")) return;
      const sent: unknown = JSON.parse(text);
      const fresh = names(sent);
      for (const name of fresh) asked.add(`${url.split("?")[0]} ${name}`);
      send(acknowledge(sent));
      let count = 0;
      const live = fresh.filter((name) => moving.includes(name));
      if (live.length === 0) return;
      const tick = () => {
        count += 1;
        for (const name of live) send(frame?.(name, count));
      };
      timers.add(setInterval(tick, 25));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  wsUrl = `ws://127.0.0.1:${port}`;
  return {
    restUrl: `http://127.0.0.1:${port}`,
    wsUrl,
    asked,
    unanswered,
    async stop(): Promise<void> {
      for (const timer of timers) clearInterval(timer);
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
