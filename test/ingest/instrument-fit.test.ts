import { afterEach, describe, expect, it } from "vitest";
import { InstrumentFit } from "../../ingest/instrument-fit.js";
import { venueOf } from "../../ingest/venues/index.js";
import { instrument, quote, SECOND, START, trade } from "../processors/market-ticks.js";
import { liveRig, until } from "./live-rig.js";
import { MoodyExchange } from "./moody-exchange.js";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

describe("a value that does not fit the instrument that is known", () => {
  const fitOf = (more: Parameters<typeof instrument>[1] = {}) => {
    const state = { instrument: instrument(START, more), asked: [] as number[] };
    const fit = new InstrumentFit({
      of: () => state.instrument,
      ask: (now) => state.asked.push((now - START) / SECOND),
    });
    return { state, fit };
  };

  it.each([
    ["0.01", "0.001", { price: "7.12", qty: "1.5" }, false],
    ["0.01", "0.001", { price: "7.125" }, true],
    ["0.01", "0.001", { price: "7.12", qty: "0.0005" }, true],
    ["0.25", "1", { price: "100.5", qty: "3" }, false],
    ["0.25", "1", { price: "100.1", qty: "3" }, true],
    ["0.5", "1", { price: "61837.5", qty: "900719925474" }, false],
    ["0.00000001", "1", { price: "0.00000003" }, false],
    ["0.00000001", "0.00000001", { price: "61837.63", qty: "123.45678901" }, false],
    ["10", "1", { price: "61835" }, true],
    ["0.01", "0.001", { price: "no number" }, false],
  ] as const)("tick %s, lot %s: %o is one: %s", (tickSize, lotSize, values, isMisfit) => {
    const { state, fit } = fitOf({ tickSize, lotSize });
    fit.seen(trade(1, START, values));
    expect(state.asked).toEqual(isMisfit ? [0] : []);
  });

  it("is asked about at once, then ever more rarely while the answer explains nothing, and at once after a change", () => {
    const { state, fit } = fitOf();
    for (let at = 0; at < 3600; at++) fit.seen(trade(at, START + at * SECOND, { price: "7.125" }));
    expect(state.asked).toEqual([0, 10, 30, 70, 150, 310, 630, 1230, 1830, 2430, 3030]);
    state.instrument = instrument(START, { tickSize: "0.001" });
    const from = START + 3600 * SECOND;
    fit.seen(trade(1, from, { price: "7.125" }));
    fit.seen(trade(2, from, { price: "7.1255" }));
    expect(state.asked.slice(11)).toEqual([3600]);
  });

  it("of a quote is seen too", () => {
    const { state, fit } = fitOf();
    fit.seen(quote(START));
    fit.seen(quote(START + SECOND, { bidPrice: "99.991" }));
    expect(state.asked).toEqual([1]);
  });

  it("is nothing where the instrument was inferred, or a side is missing", () => {
    const { state, fit } = fitOf({ inferred: true });
    fit.seen(trade(1, START, { price: "7.125" }));
    const other = fitOf();
    other.fit.seen(quote(START, { bidPrice: "", bidQty: "" }));
    expect([state.asked, other.state.asked]).toEqual([[], []]);
  });
});

it("a venue whose tick becomes finer is asked for its instruments at once, and what governs changes in the log", async () => {
  const exchange = await MoodyExchange.start(["BTC"], 50);
  stops.push(() => exchange.stop());
  const choice = { symbols: ["BTC/USDT"], kinds: ["trade"] as const };
  const rig = await liveRig({}, { venues: [{ venue: venueOf("binance", exchange.settings), ...choice }] });
  stops.push(() => rig.stop());
  const sizes = async () => (await rig.ticks()).flatMap((tick) => (tick.kind === "instrument" ? [tick.tickSize] : []));
  const trades = async () => (await rig.tradesOf("BTC/USDT")).map(({ price }) => price);
  await until(async () => (await trades()).length > 3, "trades");
  expect(await sizes()).toEqual(["0.01"]);
  exchange.mood.tickSize = "0.001";
  exchange.mood.price = (id) => `100.00${id % 10}`;
  await until(async () => (await sizes()).length === 2, "the venue is asked");
  expect(await sizes()).toEqual(["0.01", "0.001"]);
  expect((await trades()).some((price) => /^100\.00[1-9]$/.test(price))).toBe(true);
}, 30_000);
