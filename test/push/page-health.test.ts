import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EmbeddedBus } from "../../infra/bus/embedded-bus.js";
import type { HeldCondition } from "../../infra/health.js";
import type { Readiness } from "../../push/rest/plant-routes.js";
import { launchChromium } from "./chromium.js";
import { TestClient } from "./client.js";
import { Market } from "./market.js";
import { emptyStore, type ServedBus, serveBus } from "./plant.js";

const well: Readiness = { ready: true, reasons: [], conditions: [] };
let readiness = well;
let browser: Browser;
let served: ServedBus;
let page: Page;
let sequence = 0;

const held = (name: string, reason: string, severity: HeldCondition["severity"] = "not_ready"): HeldCondition => ({
  ...{ name, subject: "", reason, severity, since: 1 },
});
const ill = (...conditions: HeldCondition[]): Readiness => {
  const reasons = conditions.filter(({ severity }) => severity !== "note").map(({ reason }) => reason);
  return { ready: reasons.length === 0, reasons, conditions };
};
const storeIsAway = (seconds: number) => held("store_unreachable", `the store has not answered for ${seconds} s`);

beforeAll(async () => {
  browser = await launchChromium();
  served = await serveBus({}, emptyStore, new EmbeddedBus(), () => readiness);
  await pulse();
  await new Market((messages) => served.bus.publish(messages)).open();
  page = await browser.newPage();
  await page.goto(`${served.restUrl}/#symbol=BTC%2FUSDT&venue=binance`);
  await page.locator("#bids li:not(.vacant)").first().waitFor();
});

afterAll(async () => {
  await browser.close();
  await served.stop();
});

/** A sign of life of the only partition, with the health of Binance's only feed. */
async function pulse(how?: string): Promise<void> {
  const feed = "market-1";
  const data = {
    ...{ partition: 0, partitions: 1, ended: false, timestamp: 1 },
    feeds: [{ exchange: "binance", feed, connected: true, since: 1 }],
    ill: how === undefined ? [] : [{ exchange: "binance", feed, symbol: "", kind: "", how, since: 1 }],
  };
  const place = { channel: "pulse:0", epoch: 1, sequence: ++sequence };
  await served.bus.publish([{ ...place, kind: "value", payload: JSON.stringify({ ...place, data }) }]);
}

const banner = () => page.locator("#banner");
const says = (text: string) => banner().filter({ hasText: text, visible: true }).waitFor();

it("the page: a banner while channels are stale, while the plant is not well, and none when all is over", async () => {
  expect(await banner().isHidden()).toBe(true);
  await pulse("silent");
  await says("Stale (depth, kline, trade): binance: silent. What is shown may not hold any more.");
  readiness = ill(storeIsAway(3));
  await says("What is shown may not hold any more. The plant is not well: the store has not answered for 3 s.");
  await pulse();
  await page.waitForFunction("!document.getElementById('banner').textContent.includes('Stale')");
  await says("The plant is not well: the store has not answered for 3 s.");
  const others = ["Redis is away", "the log is away", "the disk is full"].map((reason) => held(reason, reason));
  readiness = ill(storeIsAway(4), ...others);
  await says("The plant is not well: the store has not answered for 4 s; Redis is away; the log is away (and 1 more).");
  readiness = well;
  await banner().waitFor({ state: "hidden" });
});

it("a client: told when it begins, changes and ends, not as seconds pass nor of what is worth a note; and at once who comes then", async () => {
  const client = await TestClient.connect(served.webSocketUrl);
  const told = (one: TestClient) => one.received.filter(({ op }) => op === "health");
  readiness = ill(storeIsAway(3), held("stands_by", "others have it", "note"));
  await client.until(() => told(client).length === 1);
  readiness = ill(storeIsAway(4));
  const late = await TestClient.connect(served.webSocketUrl);
  await late.until(() => told(late).length === 1);
  readiness = ill(storeIsAway(5), held("bus_unreachable", "Redis is away"));
  await client.until(() => told(client).length === 2);
  readiness = ill(held("stands_by", "others have it", "note"));
  await client.until(() => told(client).length === 3);
  const first = { op: "health", ready: false, reasons: ["the store has not answered for 3 s"] };
  const second = { op: "health", ready: false, reasons: ["the store has not answered for 5 s", "Redis is away"] };
  const over = { op: "health", ready: true, reasons: [] };
  expect(told(client)).toEqual([first, second, over]);
  await late.until(() => told(late).length === 3);
  expect(told(late)).toEqual([first, second, over]);
  for (const one of [client, late]) one.close();
});
