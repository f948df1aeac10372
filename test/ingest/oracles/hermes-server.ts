import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A server that speaks Hermes's API over recorded updates. */
export async function hermesServer() {
  const asked: URL[] = [];
  const streams = new Set<ServerResponse>();
  let latest: Buffer | undefined;
  const body = (bytes: Buffer) => JSON.stringify({ binary: { encoding: "hex", data: [bytes.toString("hex")] } });
  const server = createServer((request, response) => {
    const url = new URL(request.url!, "http://hermes");
    asked.push(url);
    if (url.pathname === "/v2/updates/price/stream") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(":\n\n");
      streams.add(response);
      response.on("close", () => streams.delete(response));
    } else if (url.pathname === "/v2/updates/price/latest" && latest !== undefined) {
      response.writeHead(200, { "content-type": "application/json" }).end(body(latest));
    } else response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    streams,
    stop() {
      server.close();
      server.closeAllConnections();
    },
    answer(bytes: Buffer) {
      latest = bytes;
    },
    /** Sends events, in pieces as a network may have them. */
    send(...events: (Buffer | string)[]) {
      for (const event of events) {
        const text = `data:${typeof event === "string" ? event : body(event)}\n\n`;
        for (const stream of streams) {
          for (let at = 0; at < text.length; at += 1_000) stream.write(text.slice(at, at + 1_000));
        }
      }
    },
  };
}
