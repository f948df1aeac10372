import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { attempt, type GuardedPort, openPorts, type Ports } from "./ports.js";

let rig: Ports;

beforeAll(async () => {
  rig = await openPorts();
});
afterAll(() => rig.stop());

const elsewhere = "https://elsewhere.example";
const own = (port: GuardedPort) => port.url;

interface Case {
  readonly what: string;
  readonly headers: (port: GuardedPort) => Record<string, string>;
  /** Undefined: it comes in. */
  readonly code?: string;
  readonly status?: number;
  readonly method?: string;
}

/** What a page of another origin, or a name that was rebound, can send; and what the plant's own programs send. */
const cases: readonly Case[] = [
  { what: "a program without any of it", headers: () => ({}) },
  { what: "localhost as Host", headers: (port) => ({ host: `localhost:${new URL(port.url).port}` }) },
  { what: "a page of the port's own", headers: (port) => ({ origin: own(port), "sec-fetch-site": "same-origin" }) },
  { what: "a rebound name", headers: () => ({ host: "rebound.example" }), code: "TP_HOST_REFUSED" },
  {
    what: "a rebound name, as its own origin",
    headers: () => ({ host: "rebound.example", origin: "http://rebound.example", "sec-fetch-site": "same-origin" }),
    code: "TP_HOST_REFUSED",
  },
  { what: "an address of another machine as Host", headers: () => ({ host: "10.1.2.3" }), code: "TP_HOST_REFUSED" },
  { what: "an empty Host", headers: () => ({ host: "" }), code: "TP_HOST_REFUSED" },
  {
    what: "loopback's name as a part of another",
    headers: () => ({ host: "localhost.a.example" }),
    code: "TP_HOST_REFUSED",
  },
  { what: "another origin", headers: () => ({ origin: elsewhere }), code: "TP_ORIGIN_REFUSED" },
  { what: "the origin null", headers: () => ({ origin: "null" }), code: "TP_ORIGIN_REFUSED" },
  { what: "loopback on another port", headers: () => ({ origin: "http://127.0.0.1:1" }), code: "TP_ORIGIN_REFUSED" },
  {
    what: "localhost of a page on 127.0.0.1",
    headers: (port) => ({ origin: own(port).replace("127.0.0.1", "localhost") }),
    code: "TP_ORIGIN_REFUSED",
  },
  { what: "an extension's origin", headers: () => ({ origin: "chrome-extension://abc" }), code: "TP_ORIGIN_REFUSED" },
  {
    what: "an image or script of another page",
    headers: () => ({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" }),
    code: "TP_ORIGIN_REFUSED",
  },
  {
    what: "a frame in another page",
    headers: () => ({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" }),
    code: "TP_ORIGIN_REFUSED",
  },
  {
    what: "a link on another page, to what does work",
    headers: () => ({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }),
    code: "TP_ORIGIN_REFUSED",
  },
  {
    what: "a preflight of another origin",
    method: "OPTIONS",
    headers: () => ({ origin: elsewhere, "access-control-request-method": "POST" }),
    code: "TP_ORIGIN_REFUSED",
  },
  {
    what: "a form's upload",
    method: "POST",
    headers: () => ({ "content-type": "multipart/form-data; boundary=x" }),
    code: "TP_MEDIA_REFUSED",
    status: 415,
  },
];

test("on every port each attempt gets what it should, and nothing behind the ports changes", async () => {
  const rows: string[] = [];
  let attempts = 0;
  for (const port of rig.ports) {
    for (const { what, headers, code, status, method } of cases) {
      if (code === undefined) continue;
      const before = await rig.state();
      const asked = {
        method: method ?? port.method,
        path: port.path,
        headers: { ...port.headers, ...headers(port) },
        body: method === undefined ? port.body : undefined,
      };
      const got = await attempt(port.url, asked);
      attempts++;
      rows.push(`${port.name.padEnd(10)} ${what.padEnd(45)} ${got.status} ${got.code}`);
      expect([port.name, what, got]).toEqual([port.name, what, { status: status ?? 403, code, allowed: undefined }]);
      expect(await rig.state(), what).toBe(before);
    }
  }
  console.log(`${attempts} attempts\n${rows.join("\n")}`);
  expect(attempts).toBeGreaterThanOrEqual(30);
});

test("what the plant's own programs send comes in on every port", async () => {
  for (const port of rig.ports) {
    for (const { what, headers, code } of cases) {
      if (code !== undefined) continue;
      const got = await attempt(port.url, { ...port, headers: { ...port.headers, ...headers(port) } });
      expect([port.name, what, got.status]).toEqual([port.name, what, port.status]);
    }
  }
});

test("a WebSocket is opened for programs and the plant's own page, and for no other", async () => {
  const rest = rig.ports[0]!.url;
  const open = (headers: Record<string, string>) =>
    new Promise<number>((resolve, reject) => {
      const socket = new WebSocket(rig.webSocketUrl, { headers });
      socket.on("open", () => {
        socket.terminate();
        resolve(101);
      });
      socket.on("unexpected-response", (_request, response) => resolve(response.statusCode!));
      socket.on("error", reject);
    });
  expect(await open({})).toBe(101);
  expect(await open({ origin: rest })).toBe(101);
  for (const origin of [elsewhere, "null", "http://127.0.0.1:1", "file://"]) expect(await open({ origin })).toBe(403);
  expect(await open({ host: "rebound.example", origin: "http://rebound.example" })).toBe(403);
});

test("a link on another page opens the page, and nothing that does work", async () => {
  const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
  for (const port of rig.ports) {
    const { status } = await attempt(port.url, { path: "/", headers: link });
    expect([port.name, status]).toEqual([port.name, port.opens === true ? 200 : 403]);
  }
});
