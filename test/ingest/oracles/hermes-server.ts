import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface HermesRules {
  /** What requests have to carry. */
  key?: string;
  /** Feeds that it does not know: it names them. */
  readonly unknown: Set<string>;
  /** Feeds that the key has no right to: it does not say which. */
  readonly forbidden: Set<string>;
}

/** A server that speaks Hermes's API over recorded updates. */
export async function hermesServer() {
  const asked: URL[] = [];
  const rules: HermesRules = { unknown: new Set(), forbidden: new Set() };
  const streams = new Set<ServerResponse>();
  let latest: Buffer | undefined;
  const body = (bytes: Buffer) => JSON.stringify({ binary: { encoding: "hex", data: [bytes.toString("hex")] } });
  const server = createServer((request, response) => {
    const url = new URL(request.url!, "http://hermes");
    asked.push(url);
    const ids = url.searchParams.getAll("ids[]");
    const missing = ids.filter((id) => rules.unknown.has(id));
    const isStream = url.pathname === "/v2/updates/price/stream";
    // as its SDK asks: in the address where a stream is opened, in the header everywhere else
    const key = isStream ? url.searchParams.get("ACCESS_TOKEN") : request.headers.authorization?.replace("Bearer ", "");
    if (rules.key !== undefined && key !== rules.key) response.writeHead(401).end("API key required");
    else if (missing.length > 0) {
      response.writeHead(404).end(`Price ids not found: ${missing.map((id) => `0x${id}`).join(", ")}`);
    } else if (ids.some((id) => rules.forbidden.has(id))) response.writeHead(403).end("not entitled");
    else if (isStream) {
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
    rules,
    streams,
    stop() {
      server.close();
      server.closeAllConnections();
    },
    answer(bytes: Buffer) {
      latest = bytes;
    },
    /** Says that something is wrong, as it does before it ends a stream. */
    complain(text: string) {
      for (const stream of streams) stream.write(`event: error\ndata: ${text}\n\n`);
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
