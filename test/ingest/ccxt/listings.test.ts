import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { bookOf, liveRig, until } from "../live-rig.js";
import { MoodyExchange } from "../moody-exchange.js";
import { simulatedMarkets, throughCcxt } from "./simulated.js";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const bases = ["BTC", "NEW", "ETH", "SOL"];

/** Binance through ccxt, with what its list says set by the test, and a clock that the test moves on. */
async function ccxtRig(symbols: readonly string[], listed: Record<string, string>) {
  const exchange = await MoodyExchange.start(bases, 20);
  stops.push(() => exchange.stop());
  const list = { ...listed };
  exchange.mood.listings = (base) => (list[base] === undefined ? [] : [{ symbol: `${base}USDT`, status: list[base] }]);
  let ahead = 0;
  const lines: string[] = [];
  const logger = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
  const { restUrl, wsUrl } = exchange.settings;
  const rig = await liveRig(
    { symbols: [] },
    { clock: () => Date.now() * 1_000 + ahead, logger },
    { ...simulatedMarkets("spot"), restUrl, wsUrl: `${wsUrl}/stream` },
    { source: throughCcxt, symbols },
  );
  stops.push(() => rig.stop());
  const asked = () => exchange.requests.get("/api/v3/exchangeInfo") ?? 0;
  /** Ten minutes pass, and the exchange has been asked for its markets. */
  const askAgain = async () => {
    const before = asked();
    ahead += 601_000_000;
    await until(() => asked() > before, "asked for its markets");
  };
  const flows = (symbol: string, more = 3) =>
    until(async () => {
      const trades = await rig.tradesOf(symbol);
      return trades.length > more && bookOf(await rig.depthOf(symbol)).live;
    }, `${symbol} has trades and a book`);
  const reasons = async (symbol: string) =>
    (await rig.depthOf(symbol)).filter(({ action }) => action === "gap").map(({ reason }) => reason);
  return { rig, exchange, list, lines, askAgain, flows, reasons };
}

describe("subscriptions through ccxt follow the exchange's listings", () => {
  it.each([
    ["by name", ["BTC/USDT", "NEW/USDT"]],
    ["by pattern", ["*/USDT"]],
  ])("a market that is listed later, %s", async (_, symbols) => {
    const { rig, exchange, list, askAgain, flows, reasons } = await ccxtRig(symbols, { BTC: "TRADING" });
    await flows("BTC/USDT");
    expect(exchange.asked.has("newusdt@trade")).toBe(false);
    list.NEW = "TRADING";
    await askAgain();
    await flows("NEW/USDT");
    await until(() => rig.ingest.isReady, "ready");
    expect([await reasons("BTC/USDT"), await reasons("NEW/USDT")]).toEqual([["session_start"], ["session_start"]]);
    expect([...exchange.asked].filter(([stream, times]) => /@trade|@depth/.test(stream) && times !== 1)).toEqual([]);
  });

  it.each(["delisted", "missing"])("a market that is %s is left, and taken up when it trades again", async (how) => {
    const { rig, exchange, list, askAgain, flows, reasons } = await ccxtRig(["*/USDT"], {
      BTC: "TRADING",
      NEW: "TRADING",
    });
    await flows("NEW/USDT");
    await flows("BTC/USDT");
    if (how === "missing") delete list.NEW;
    else list.NEW = "BREAK";
    await askAgain();
    if (how === "missing") {
      expect(await reasons("NEW/USDT")).toEqual(["session_start"]);
      await askAgain();
    }
    await until(async () => (await reasons("NEW/USDT")).includes("delisted"), "the book ends");
    await until(() => exchange.streams().every((stream) => !/^newusdt@(trade|depth)/.test(stream)), "unsubscribed");
    await until(() => rig.ingest.isReady, "ready");
    const before = (await rig.tradesOf("NEW/USDT")).length;
    list.NEW = "TRADING";
    await askAgain();
    await flows("NEW/USDT", before + 3);
    await until(() => rig.ingest.isReady, "ready again");
    expect(await reasons("BTC/USDT")).toEqual(["session_start"]);
    expect(await reasons("NEW/USDT")).toEqual(["session_start", "delisted"]);
  });

  it.each([0, 1])("a symbol that goes by another native id begins anew (order %i)", async (order) => {
    const { rig, exchange, askAgain, flows, reasons } = await ccxtRig(["BTC/USDT", "NEW/USDT"], { BTC: "TRADING" });
    let rolled = false;
    exchange.mood.listings = (base) => {
      if (base === "BTC") return [{ symbol: "BTCUSDT", status: "TRADING" }];
      if (base !== "NEW") return [];
      const pair = [
        { symbol: "NEWUSDT", status: rolled ? "BREAK" : "TRADING" },
        { symbol: "NEW2USDT", status: rolled ? "TRADING" : "BREAK" },
      ];
      return order === 0 ? pair : pair.reverse();
    };
    await askAgain();
    await flows("BTC/USDT");
    await flows("NEW/USDT");
    expect(exchange.asked.has("new2usdt@trade")).toBe(false);
    rolled = true;
    await askAgain();
    await until(() => exchange.streams().includes("new2usdt@trade"), "the other is subscribed");
    const before = (await rig.tradesOf("NEW/USDT")).length;
    await flows("NEW/USDT", before + 3);
    await until(() => rig.ingest.isReady, "ready");
    expect(exchange.streams().filter((stream) => /^newusdt@(trade|depth)/.test(stream))).toEqual([]);
    expect(await reasons("NEW/USDT")).toContain("relisted");
  });

  it("a name that the exchange does not have is told once", async () => {
    const { rig, lines, askAgain, flows } = await ccxtRig(["BTC/USDT", "NOT/THERE"], { BTC: "TRADING" });
    await flows("BTC/USDT");
    await askAgain();
    await askAgain();
    await until(() => rig.ingest.isReady, "ready");
    const told = lines.filter((line) => line.includes("TP_SYMBOL_UNKNOWN"));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain("NOT/THERE");
  });

  it("after a sequence of listings the streams are those that the list says", async () => {
    const seed = Number(process.env.TICKPLANT_SEED ?? Date.now() % 1_000_000);
    console.log(`TICKPLANT_SEED=${seed}`);
    let state = seed;
    const random = (below: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((state / 2_147_483_648) * below);
    };
    const { exchange, list, askAgain, flows } = await ccxtRig(["SOL/USDT", "*/USDT"], { BTC: "TRADING" });
    await flows("BTC/USDT");
    for (let round = 0; round < 6; round++) {
      for (const base of bases.slice(1)) {
        const status = [undefined, "BREAK", "TRADING"][random(3)];
        if (status === undefined) delete list[base];
        else list[base] = status;
      }
      await askAgain();
      await askAgain();
      const wanted = bases.filter((base) => list[base] === "TRADING").map((base) => `${base.toLowerCase()}usdt@trade`);
      const streams = () => exchange.streams().filter((stream) => stream.endsWith("@trade"));
      await until(() => streams().sort().join() === wanted.sort().join(), `round ${round}: ${wanted}`);
    }
  });
});
