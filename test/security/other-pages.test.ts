import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedStore, openEmbeddedStore } from "../infra/store/embedded-store.js";
import { launchChromium } from "../push/chromium.js";
import { type Target, tryEverything } from "./page-attempts.mjs";
import { openPorts, type Ports } from "./ports.js";

let rig: Ports;
let store: EmbeddedStore;
let browser: Browser;
let server: Server;

beforeAll(async () => {
  // a name that leads to this machine, as after DNS rebinding
  browser = await launchChromium(["--host-resolver-rules=MAP rebound.example 127.0.0.1"]);
  rig = await openPorts();
  store = await openEmbeddedStore();
  server = createServer((_request, response) => response.end("<!doctype html><title>elsewhere</title>"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  await browser?.close();
  server?.close();
  await Promise.all([rig?.stop(), store?.close()]);
});

/** What is asked of which port; everything that listens belongs into this list. */
const targets = (): Target[] => [
  ...rig.ports.map(({ url, path, body }) => ({ url, path, body: body ?? "x" })),
  { url: store.url, path: "/?query=SELECT%201", body: "SELECT 1" },
];

const refusals = async () => {
  const { values } = await rig.metrics.dropped.get();
  return values
    .filter(({ labels }) => labels.place === "push" && String(labels.reason).startsWith("http_"))
    .reduce((sum, { value }) => sum + value, 0);
};

test.each([
  ["of another port of this machine", (port: number) => `http://127.0.0.1:${port}/`],
  ["of another site", (port: number) => `http://elsewhere.localhost:${port}/`],
])("a page %s reads nothing of any port and changes nothing behind it", async (_name, address) => {
  const page = await browser.newPage();
  await page.goto(address((server.address() as AddressInfo).port));
  const before = await rig.state();
  const refused = await refusals();
  const read = await page.evaluate(tryEverything, { targets: targets(), webSocketUrl: rig.webSocketUrl });
  expect(read).toEqual([]);
  expect(await rig.state()).toBe(before);
  // the requests did arrive
  expect(await refusals()).toBeGreaterThan(refused + 5);
  await page.close();
});

test("a name that was rebound to this machine gets nothing, and a link opens the page", async () => {
  const page = await browser.newPage();
  for (const { url, path } of targets()) {
    const { port } = new URL(url);
    const answer = await page.goto(`http://rebound.example:${port}${path}`);
    expect([port, answer!.status()]).toEqual([port, 403]);
  }
  await page.goto(`http://elsewhere.localhost:${(server.address() as AddressInfo).port}/`);
  await page.evaluate(`location.href = "${rig.ports[0]!.url}/"`);
  await page.locator("#watch").waitFor();
  await page.close();
});
