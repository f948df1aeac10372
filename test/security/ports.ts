import { request as httpRequest } from "node:http";
import { createLogger } from "../../infra/logging.js";
import type { Metrics } from "../../infra/metrics.js";
import { Simulator } from "../../ingest/simulator/server.js";
import { serveHealth } from "../../plant/health-server.js";
import { endpointRig, key, line } from "../ingest/endpoint/endpoint-rig.js";
import { Market } from "../push/market.js";
import { serveBus } from "../push/plant.js";

/** One of the plant's ports, with a request that does something there when its own programs ask. */
export interface GuardedPort {
  readonly name: string;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether links of other pages may open its path `/`. */
  readonly opens?: boolean;
  /** What its programs get. */
  readonly status: number;
}

export interface Ports {
  readonly ports: readonly GuardedPort[];
  readonly webSocketUrl: string;
  /** Of push: what it refuses is counted there. */
  readonly metrics: Metrics;
  /** What a request that got in would have changed or counted, as a text. */
  state(): Promise<string>;
  stop(): Promise<void>;
}

/** Every port of a plant that a browser could reach, each with what stands behind it. */
export async function openPorts(): Promise<Ports> {
  const push = await serveBus();
  const market = new Market((messages) => push.bus.publish(messages));
  await market.open();
  const metricsText = async () => "tickplant_up 1\n";
  const readiness = () => ({ ready: true, reasons: [] });
  const access = { metricsHost: "127.0.0.1", metricsPort: 0, allowedHosts: [] };
  const health = await serveHealth(access, { readiness, metricsText }, createLogger({ level: "silent" }));
  const endpoint = await endpointRig();
  const simulator = await Simulator.start({ symbols: ["BTC/USDT"], rate: 1, paused: true });
  const json = { authorization: `Bearer ${key}`, "content-type": "application/x-ndjson" };
  return {
    webSocketUrl: push.webSocketUrl,
    metrics: push.metrics,
    ports: [
      { name: "REST", url: push.restUrl, method: "GET", path: "/v1/tickers", opens: true, status: 200 },
      { name: "WebSocket", url: push.webSocketUrl.replace("ws:", "http:"), method: "GET", path: "/", status: 426 },
      { name: "metrics", url: health.url, method: "GET", path: "/metrics", status: 200 },
      {
        ...{ name: "ingest", url: endpoint.url, method: "POST", path: "/v1/ingest", headers: json, status: 200 },
        body: line(endpoint.clock()),
      },
      { name: "simulator", url: simulator.url, method: "POST", path: "/simulator/faults/garbage", status: 200 },
    ],
    state: async () =>
      JSON.stringify([
        simulator.pendingFaults,
        endpoint.letters.length,
        endpoint.log.records.length,
        (await push.metrics.registry.getSingleMetric("tickplant_push_connections")!.get()).values,
      ]),
    async stop() {
      await Promise.all([push.stop(), health.stop(), endpoint.stop(), simulator.stop()]);
    },
  };
}

/** A request with any headers, as no browser lets a page set them. @returns status and code */
export async function attempt(
  url: string,
  { method = "GET", path = "/", headers = {}, body }: Attempt,
): Promise<{ status: number; code: string | undefined; allowed: string | undefined }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { hostname, port, method, path, headers, setHost: !("host" in headers) },
      (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () =>
          resolve({
            status: response.statusCode!,
            code: codeOf(text),
            allowed: response.headers["access-control-allow-origin"],
          }),
        );
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

export interface Attempt {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

function codeOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { code?: string }).code;
  } catch {
    return undefined;
  }
}
