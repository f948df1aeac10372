import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Store } from "../../infra/store/store.js";
import type { Kline } from "../../schemas/messages.js";
import { launchChromium } from "./chromium.js";
import { message } from "./messages.js";
import * as probes from "./page-probes.js";
import { emptyStore, type ServedBus, serveBus } from "./plant.js";

/** The page's own module; the compiler here knows no browser. */
const pageDecimals = new URL("../../push/page/decimals.js", import.meta.url).href;
const { grouped, shifted, shortened } = (await import(pageDecimals)) as {
  grouped(text: string, leastDecimals?: number): string;
  shifted(text: string, places: number): string;
  shortened(text: string, decimals: number): string;
};

const minute = 60_000_000;
const time = 1_795_000_020_000_000;

/** A price with so many decimals: 51234561NN at the end of them. */
const priceOf = (decimals: number, last: number): string => {
  const digits = `51234561${String(last).padStart(2, "0")}`.padStart(decimals + 1, "0");
  return decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
};

function klines(decimals: number, interval: string): Kline[] {
  return Array.from({ length: 30 }, (_, at) => {
    const [open, close] = [priceOf(decimals, 10 + at), priceOf(decimals, 12 + at)];
    const head = { symbol: "SHIB/WETH", exchange: "desk", interval };
    const volumes = { volume: "5", quote_volume: "5", taker_buy_volume: "1", taker_buy_quote_volume: "1" };
    const length = interval === "1s" ? 1_000_000 : minute;
    return {
      ...{ ...head, ...volumes, open, close, low: priceOf(decimals, 5 + at), high: priceOf(decimals, 20 + at) },
      ...{ open_time: time + at * length, close_time: time + (at + 1) * length - 1, trade_count: 1, is_closed: true },
      ...{ revision: 1, flags: [], timestamp: time, epoch: 1, sequence_num: at + 1 },
      ...{ log_time: time, receive_time: time },
    } as Kline;
  });
}

let browser: Browser;
let served: ServedBus;
let page: Page;
let decimals = 0;
const complaints: string[] = [];

beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** A market whose every price has so many decimals. */
async function show(places: number, interval = "1m"): Promise<void> {
  decimals = places;
  const head = { symbol: "SHIB/WETH", exchange: "desk" };
  const level = (last: number): [string, string] => [priceOf(places, last), "1000"];
  const book = { bids: [level(40), level(39), level(38)], asks: [level(41), level(42)], is_snapshot: true };
  const [bid_price, ask_price] = [priceOf(places, 40), priceOf(places, 41)];
  const trade = { ...head, trade_id: "1", price: ask_price, qty: "1", side: "buy", timestamp: time };
  await served.bus.publish([
    message("feed:desk", 1, "value", { exchange: "desk", feeds: [], timestamp: time }),
    message("ticker:SHIB/WETH@desk", 1, "value", { ...head, bid_price, ask_price, last_price: bid_price }),
    message("depth:SHIB/WETH@desk", 1, "value", { ...head, ...book, status: "live", reason: null }),
    message("trade:SHIB/WETH@desk", 1, "event", trade),
    message(`kline:SHIB/WETH@desk:${interval}`, 1, "value", klines(places, interval).at(-1) as object),
  ]);
  await page.goto(`${served.restUrl}/#symbol=SHIB%2FWETH&venue=desk&interval=${interval}`);
  await page.locator("#bids li:not(.vacant)").first().waitFor();
  await page.waitForFunction(`document.querySelector("#chart").dataset.bars === "30"`);
}

const differ = (texts: readonly string[]) => new Set(texts).size === texts.length;

describe("prices of many decimals on the page", () => {
  beforeEach(async () => {
    const store: Store = { ...emptyStore, klines: async ({ interval }) => klines(decimals, interval) };
    served = await serveBus({}, store);
    page = await browser.newPage({ viewport: { width: 1440, height: 860 } });
    await page.addInitScript(probes.recordDrawnTexts);
    complaints.length = 0;
    page.on("console", (entry) => {
      if (entry.type() === "error" || entry.type() === "warning") complaints.push(entry.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
  });

  afterEach(async () => {
    await page.close();
    await served.stop().catch(() => {});
  });

  it.each([0, 2, 9, 13, 17, 18, 24])("%i decimals: candles and axis are drawn, prices differ", async (places) => {
    await show(places);
    await page.waitForFunction(probes.axisIsDrawn);
    expect(await page.evaluate<number>(probes.paintedPixels)).toBeGreaterThan(500);
    const levels = await page.locator("#bids li:not(.vacant) span:first-child").allTextContents();
    expect(levels).toHaveLength(3);
    expect(differ(levels)).toBe(true);
    const [bid, ask] = await page.locator("#facts dd").allTextContents();
    expect(bid).not.toBe(ask);
    expect(await page.locator("#facts dd").first().getAttribute("title")).toBe(priceOf(places, 40));
    expect(await page.evaluate<string[]>(probes.cutOff)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it("candles of a second are told apart on the axis of time", async () => {
    await show(2, "1s");
    await page.waitForFunction(probes.axisIsDrawn);
    const times = (await page.evaluate<string[]>("drawnTexts")).filter((text) => /^\d\d:\d\d/.test(text));
    expect(new Set(times).size).toBeGreaterThan(1);
    expect(times.some((text) => /^\d\d:\d\d:\d\d$/.test(text))).toBe(true);
  });
});

describe("decimals as text", () => {
  it("many zeros after the point are counted", () => {
    expect(grouped("0.000000005123456107")).toBe("0.0₈5123456107");
    expect(grouped("0.00000512")).toBe("0.00000512");
    expect(grouped("0.000000000000000001")).toBe("0.0₁₇1");
    expect(grouped("-0.0000000012", 12)).toBe("-0.0₈1200");
    expect(grouped("1234567.000000000001")).toBe("1,234,567.000000000001");
    expect(grouped("0", 8)).toBe("0.00000000");
  });

  it("what is cut keeps the digits that count", () => {
    expect(shortened("0.00000000512345610712345", 8)).toBe("0.0₈51234561…");
    expect(shortened("100.123456789", 8)).toBe("100.12345678…");
    expect(shortened("100.5", 8)).toBe("100.5");
  });

  it("moving the point changes no digit", () => {
    const digits = ["5", "0.5", "123.45", "0.000000005123456107", "1000", "-0.25", "987654321.123456789"];
    for (const text of digits) {
      for (let places = -20; places <= 20; places++) {
        const [unit, scale] = [shifted(text, places), 10n ** 40n];
        const units = (value: string) => {
          const [whole = "", fraction = ""] = value.replace("-", "").split(".");
          return (BigInt(whole) * scale + BigInt(fraction.padEnd(40, "0"))) * (value.startsWith("-") ? -1n : 1n);
        };
        const factor = 10n ** BigInt(Math.abs(places));
        if (places >= 0) expect(units(unit)).toBe(units(text) * factor);
        else expect(units(unit) * factor).toBe(units(text));
      }
    }
  });
});
