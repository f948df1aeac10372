import { createConnection } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultPushSettings } from "../../push/settings.js";
import { Market } from "./market.js";
import { type ServedBus, serveBus } from "./plant.js";

let served: ServedBus;

beforeAll(async () => {
  served = await serveBus();
  const market = new Market((messages) => served.bus.publish(messages));
  await market.open();
});
afterAll(() => served.stop());

interface Fault {
  readonly code: string;
  readonly message: string;
  readonly parameter?: string;
}

/** Bytes on a bare connection; what comes back until it closes. */
async function raw(text: string, url = served.restUrl): Promise<{ status: number; body: Fault }> {
  const { port } = new URL(url);
  const socket = createConnection(Number(port), "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.on("error", () => {});
  socket.write(text);
  await new Promise((resolve) => socket.once("close", resolve));
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  expect(head.toLowerCase()).toContain("content-type: application/json");
  return { status: Number(head.split(" ")[1]), body: JSON.parse(body) as Fault };
}

const lines = (first: string, ...headers: string[]) =>
  `${[first, "Host: 127.0.0.1", "Connection: close", ...headers].join("\r\n")}\r\n\r\n`;

test.each([
  ["a path that there is not", lines("GET /v1/nothing HTTP/1.1"), 404, "TP_PATH_UNKNOWN"],
  ["a method that a path does not take", lines("DELETE /v1/tickers HTTP/1.1"), 405, "TP_METHOD_REFUSED"],
  [
    "a body to a path that takes none",
    `${lines("POST /v1/klines HTTP/1.1", "Content-Length: 2")}{}`,
    405,
    "TP_METHOD_REFUSED",
  ],
  [
    "a body to nothing",
    `${lines("POST /nothing HTTP/1.1", "Content-Length: 1", "Content-Type: application/json")}{`,
    404,
    "TP_PATH_UNKNOWN",
  ],
  ["percent-encoding that is none", lines("GET /v1/%ZZ HTTP/1.1"), 400, "TP_REQUEST_INVALID"],
  ["bytes that are no UTF-8 in the path", lines("GET /v1/%ff HTTP/1.1"), 400, "TP_REQUEST_INVALID"],
  ["no HTTP at all", "hello\r\n\r\n", 400, "TP_REQUEST_INVALID"],
  ["a version that there is not", lines("GET / HTTP/9.9"), 400, "TP_REQUEST_INVALID"],
  ["headers beyond the bound", lines("GET / HTTP/1.1", `A: ${"x".repeat(20_000)}`), 431, "TP_HEADERS_TOO_LARGE"],
  ["no Host", "GET /v1/tickers HTTP/1.1\r\nConnection: close\r\n\r\n", 403, "TP_HOST_REFUSED"],
  ["an absolute target", lines("GET http://elsewhere.example/v1/tickers HTTP/1.1"), 400, "TP_REQUEST_INVALID"],
])("%s has the plant's code", async (_what, text, status, code) => {
  const answer = await raw(text);
  expect([answer.status, answer.body.code]).toEqual([status, code]);
  expect(answer.body.message.length).toBeGreaterThan(10);
});

const query = "/v1/depth?symbol=BTC/USDT&exchange=binance";
test.each([
  ...[
    "Infinity",
    "-Infinity",
    "NaN",
    "1e400",
    "1e2",
    "0x10",
    "%205",
    "5%20",
    "+5",
    "5.0",
    "-0",
    "1_000",
    "007",
    "",
    "٥",
  ].map((text) => [`${query}&limit=${text}`, "limit"]),
  [`${query}&limit=5&limit=6`, "limit"],
  [`${query}&limit[]=5`, "limit[]"],
  [`${query}&exchange=binance`, "exchange"],
  [`${query}&nothing=1`, "nothing"],
  [`${query}&__proto__=1`, "__proto__"],
  [`${query}&constructor=1`, "constructor"],
  ["/v1/tickers?exchange=%ZZ", "exchange"],
  ["/v1/tickers?exchange=%00", "exchange"],
])("%s is 400 and names the parameter", async (path, parameter) => {
  const answer = await fetch(`${served.restUrl}${path}`);
  const fault = (await answer.json()) as Fault;
  expect([answer.status, fault.code, fault.parameter]).toEqual([400, "TP_PARAMETER_INVALID", parameter]);
});

test("a rate limit holds for every spelling of a path", async () => {
  const busy = await serveBus({ rateLimit: { ...defaultPushSettings.rateLimit, requestsPerMinute: 3 } });
  const statuses: number[] = [];
  for (const path of ["/v1/tickers", "/%76%31/tickers", "/v1/%74ickers", "/%761/tickers", "/v1/tickers?"]) {
    const text = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`;
    statuses.push((await raw(text, busy.restUrl)).status);
  }
  expect(statuses).toEqual([200, 200, 200, 429, 429]);
  expect((await fetch(`${busy.restUrl}/livez`)).status).toBe(200);
  await busy.stop();
});

test("pages of a configured origin may read, with the headers that they need, and others may not", async () => {
  const origin = "https://desk.example.com";
  const open = await serveBus({ allowedOrigins: [origin], allowedHosts: ["plant.example.com"] });
  const ask = (headers: Record<string, string>, method = "GET") =>
    fetch(`${open.restUrl}/v1/tickers`, { method, headers });
  const answer = await ask({ origin });
  expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
  const preflight = await ask({ origin, "access-control-request-method": "GET" }, "OPTIONS");
  expect([preflight.status, preflight.headers.get("access-control-allow-methods")]).toEqual([204, "GET"]);
  expect((await ask({ origin: "https://other.example.com" })).status).toBe(403);
  const { port } = new URL(open.restUrl);
  const named = await raw(
    `GET /v1/info HTTP/1.1\r\nHost: plant.example.com:${port}\r\nConnection: close\r\n\r\n`,
    open.restUrl,
  );
  expect(named.status).toBe(200);
  await open.stop();
});

test("a server that listens beyond loopback is reached by any address, as probes do, and by no other name", async () => {
  const wide = await serveBus({ host: "0.0.0.0" });
  const ask = (host: string) => raw(`GET /livez HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, wide.restUrl);
  expect((await ask("10.42.0.17:8080")).status).toBe(200);
  expect((await ask("[fd00::17]:8080")).status).toBe(200);
  const refused = await ask("push.tickplant.svc.cluster.local");
  expect([refused.status, refused.body.code]).toEqual([403, "TP_HOST_REFUSED"]);
  expect(refused.body.message).toContain("allowedHosts");
  await wide.stop();
});
