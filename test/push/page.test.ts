import axe, { type AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { BusMessage } from "../../infra/bus/bus.js";
import type { Store } from "../../infra/store/store.js";
import type { Kline } from "../../schemas/messages.js";
import { launchChromium } from "./chromium.js";
import { Market } from "./market.js";
import { message } from "./messages.js";
import * as probes from "./page-probes.js";
import { emptyStore, freePorts, type ServedBus, serveBus } from "./plant.js";

let browser: Browser;
let served: ServedBus;
let page: Page;
let btc: Market;
let eth: Market;
const complaints: string[] = [];

beforeAll(async () => {
  browser = await launchChromium();
});

afterAll(() => browser.close());

beforeEach(async () => {
  const publish = (messages: BusMessage[]) => served.bus.publish(messages);
  btc = new Market(publish);
  eth = new Market(publish, "ETH/USDT");
  const store: Store = {
    ...emptyStore,
    klines: async ({ exchange, interval }) => (interval === "1m" ? (btc.history(exchange, 120) as Kline[]) : []),
  };
  served = await serveBus({}, store);
  await btc.open();
  await eth.open();
  page = await browser.newPage({ viewport: { width: 1440, height: 860 } });
  complaints.length = 0;
  page.on("console", (entry) => {
    if (entry.type() === "error" || entry.type() === "warning") complaints.push(entry.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(served.restUrl);
  await page.locator("#bids li:not(.vacant)").first().waitFor();
});

afterEach(async () => {
  await page.close();
  await served.stop().catch(() => {});
});

const shown = (price: string) => price.replace(/\B(?=(\d{3})+(\.|$))/g, ",");

test("prices move when the market does: watch-list, headline, tape and index, and nothing is complained of", async () => {
  const row = page.locator("#watch tbody tr", { hasText: "BTC/USDT" });
  for (let steps = 0; steps < 3; steps++) {
    await btc.step();
    await row.locator(".price", { hasText: shown(btc.last) }).waitFor();
    await page.locator("#headline-price", { hasText: shown(btc.last) }).waitFor();
    await page.locator('[data-index="BTC-USD"] .index-value', { hasText: shown(btc.last) }).waitFor();
    await page
      .locator("#tape tr", { hasText: shown(btc.last) })
      .first()
      .waitFor();
  }
  expect(await page.locator("#watch thead th").allTextContents()).toEqual([
    "Market",
    "Price",
    "24 h",
    "binance",
    "kraken",
  ]);
  expect(await page.title()).toContain("BTC/USDT");
  expect(complaints).toEqual([]);
});

test("the chart draws history and the live candle, and follows market, venue and interval", async () => {
  await page.waitForFunction(probes.historyIsDrawn);
  expect(await page.evaluate<number>(probes.paintedPixels)).toBeGreaterThan(500);
  await page.locator("#venues button", { hasText: "kraken" }).click();
  await page.locator('#venues button[aria-pressed="true"]', { hasText: "kraken" }).waitFor();
  await page.locator("#watch tbody tr", { hasText: "ETH/USDT" }).click();
  await page.locator("#chart-title", { hasText: "ETH/USDT" }).waitFor();
  await eth.step();
  await page.locator("#headline-price", { hasText: shown(eth.last) }).waitFor();
  expect(page.url()).toContain("ETH");
  expect(complaints).toEqual([]);
});

test("the ladder shows the best levels of both sides, sums them, and follows the book", async () => {
  const best = page.locator("#bids li").first().locator("span");
  expect((await best.first().textContent())?.length).toBeGreaterThan(5);
  const prices = async (side: string) => {
    const texts = await page.locator(`#${side} li:not(.vacant) span:first-child`).allTextContents();
    return texts.map((text) => Number(text.replaceAll(",", "")));
  };
  const [bids, asks] = [await prices("bids"), await prices("asks")];
  expect(bids.length).toBeGreaterThanOrEqual(5);
  expect(bids).toEqual([...bids].sort((a, b) => b - a));
  expect(asks).toEqual([...asks].sort((a, b) => a - b));
  expect(asks[0]).toBeGreaterThan(bids[0] as number);
  const channel = "depth:NEW/USDT";
  const head = { symbol: "NEW/USDT", exchange: "aggregate", status: "live", reason: null };
  const book = { bids: [["10", "1"]], asks: [["11.5", "2"]], is_snapshot: true };
  await served.bus.publish([
    message(channel, 1, "value", { ...head, ...book }),
    message("ticker:NEW/USDT", 1, "value", { symbol: "NEW/USDT", exchange: "aggregate", last_price: "10.75" }),
  ]);
  await page.locator("#watch tbody tr", { hasText: "NEW/USDT" }).click();
  await page.locator("#spread", { hasText: "Spread 1.5" }).waitFor();
  await served.bus.publish([
    message(channel, 2, "increment", {
      ...head,
      bids: [
        ["10", "0"],
        ["9.25", "4"],
      ],
      asks: [],
      is_snapshot: false,
    }),
  ]);
  await page.locator("#spread", { hasText: "Spread 2.25" }).waitFor();
  const stale = { ...head, bids: [], asks: [], is_snapshot: false, status: "stale", reason: "sequence_gap" };
  await served.bus.publish([message(channel, 3, "increment", stale)]);
  await page.locator("#book-state", { hasText: "stale: sequence gap" }).waitFor();
  expect(complaints).toEqual([]);
});

test("index constituents say how they weigh and why they do not; a lost feed shows", async () => {
  await btc.step();
  const rows = page.locator('[data-index="BTC-USD"] tbody tr');
  await rows.nth(2).waitFor();
  await rows
    .nth(0)
    .filter({ hasText: shown(btc.last) })
    .waitFor();
  expect(await rows.nth(0).locator("td").allTextContents()).toEqual([
    "binance BTC/USDT",
    shown(btc.last),
    "66.66%",
    "ok",
  ]);
  expect(await rows.nth(2).locator("td").last().textContent()).toBe("feed down");
  await page.locator('#feeds [data-venue="kraken"][data-state="up"]').waitFor();
  await btc.lose("kraken");
  await page.locator('#feeds [data-venue="kraken"][data-state="down"]').waitFor();
  expect(complaints).toEqual([]);
});

test("when the plant goes away the page says so, and when it is back the page goes on by itself", async () => {
  await served.stop();
  const [restPort, webSocketPort] = await freePorts();
  const ports = { restPort, webSocketPort };
  served = await serveBus(ports, emptyStore, served.bus);
  await page.goto(served.restUrl);
  await page.locator("#bids li:not(.vacant)").first().waitFor();
  await served.stop();
  await page.locator("#banner", { hasText: "Disconnected" }).waitFor();
  expect(await page.locator("#link-state").getAttribute("data-state")).toMatch(/disconnected|connecting/);
  served = await serveBus(ports, emptyStore, served.bus);
  await page.locator('#link-state[data-state="live"]').waitFor();
  await page.locator("#banner").waitFor({ state: "hidden" });
  await btc.step();
  await page.locator("#headline-price", { hasText: shown(btc.last) }).waitFor();
  await page
    .locator("#tape tr", { hasText: shown(btc.last) })
    .first()
    .waitFor();
});

test("it fits a phone without scrolling sideways, and its text is readable", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  const contrast = await page.evaluate<number[]>(probes.contrasts);
  for (const ratio of contrast) expect(ratio).toBeGreaterThan(4.5);
});

test("a flood of messages is painted at most once a frame, and what is kept stays bounded", async () => {
  await page.evaluate(probes.countPaints);
  for (let steps = 0; steps < 1_500; steps++) {
    await btc.step();
    if (steps % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await page.locator("#headline-price", { hasText: shown(btc.last) }).waitFor();
  await page
    .locator("#tape tr", { hasText: shown(btc.last) })
    .first()
    .waitFor();
  const { mutations, frames } = await page.evaluate<{ mutations: number; frames: number }>("counts");
  expect(mutations).toBeLessThanOrEqual(frames + 1);
  expect(await page.locator("#tape tr").count()).toBeLessThanOrEqual(60);
  expect(complaints).toEqual([]);
});

test.each([
  { width: 1440, height: 860, colorScheme: "dark" },
  { width: 1440, height: 860, colorScheme: "light" },
  { width: 390, height: 844, colorScheme: "dark" },
] as const)("axe finds nothing at $width × $height, $colorScheme", async ({ colorScheme, ...size }) => {
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  await btc.step();
  await page.waitForFunction(probes.historyIsDrawn);
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
});
