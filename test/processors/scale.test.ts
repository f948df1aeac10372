import fc from "fast-check";
import { expect, test } from "vitest";
import { big, canonical, text, times } from "./exact.js";
import { heartbeat, instrument, MINUTE, quote, SECOND, START, snapshot, trade } from "./market-ticks.js";
import { check } from "./seed.js";
import { onePartition, TaskRig } from "./task-rig.js";

const settings = { ...onePartition, priceBand: "0", klineIntervals: ["1m"] };
const step = (decimals: number) => (decimals === 0 ? "1" : `0.${"0".repeat(decimals - 1)}1`);
const value = (units: number, decimals: number) => canonical(`${units}e-${decimals}`);

test("a finer tick or lot keeps every value that is held exact, the other venues' and the aggregate's too", () => {
  const size = fc.record({
    tick: fc.nat(18),
    lot: fc.nat(18),
    kraken: fc.boolean(),
    price: fc.integer({ min: 1, max: 1e9 }),
    qty: fc.integer({ min: 1, max: 1e9 }),
  });
  check(
    fc.property(fc.array(size, { minLength: 1, maxLength: 12 }), (sizes) => {
      const rig = new TaskRig(settings, false);
      let volume = 0n;
      let amount = 0n;
      const bids = new Map<string, bigint>();
      const tops = new Map<string, [price: string, qty: string]>();
      let now = START;
      for (const [at, { tick, lot, kraken, price, qty }] of sizes.entries()) {
        now += SECOND;
        const exchange = kraken ? "kraken" : "binance";
        const [priceText, qtyText] = [value(price, tick), value(qty, lot)];
        rig.take(
          instrument(now, { exchange, tickSize: step(tick), lotSize: step(lot) }),
          trade(at, now, { exchange, price: priceText, qty: qtyText }),
          snapshot(now, at + 1, [[priceText, qtyText]], [["9999999999", "1"]], { exchange }),
          quote(now, { exchange, bidPrice: priceText, bidQty: qtyText, askPrice: "", askQty: "" }),
        );
        volume += big(qtyText);
        amount += times(big(priceText), big(qtyText));
        tops.set(exchange, [priceText, qtyText]);
      }
      for (const [price, qty] of tops.values()) bids.set(price, (bids.get(price) ?? 0n) + big(qty));
      rig.take(heartbeat(now + 2 * MINUTE));
      expect(rig.refused).toEqual([]);

      const first = rig.of("market.kline").filter((one) => one.exchange === "aggregate" && one.is_closed)[0]!;
      expect(first).toMatchObject({ volume: text(volume), quote_volume: text(amount), trade_count: sizes.length });
      const reader = new Map<string, string>();
      for (const depth of rig.of("market.depth").filter((one) => one.exchange === "aggregate")) {
        if (depth.is_snapshot) reader.clear();
        for (const [price, qty] of depth.bids) qty === "0" ? reader.delete(price) : reader.set(price, qty);
      }
      expect(reader).toEqual(new Map([...bids].map(([price, qty]) => [price, text(qty)])));
      for (const [exchange, [price, qty]] of tops) {
        const last = rig
          .of("market.ticker")
          .filter((one) => one.exchange === exchange)
          .at(-1)!;
        expect([last.last_price, last.bid_price, last.bid_qty]).toEqual([price, price, qty]);
      }
    }),
    60,
  );
});

test("linear contracts are told in base currency, inverse ones in contracts with their value in the quote", () => {
  const linear = instrument(START, { contractType: "linear", contractSize: "0.01", lotSize: "1" });
  const trades = [trade(1, START, { price: "200", qty: "3" }), heartbeat(START + 2 * MINUTE)];
  const line = new TaskRig(settings, false).take(linear, ...trades);
  expect(line.of("market.trade")[0]).toMatchObject({ qty: "0.03" });
  expect(line.of("market.kline")[0]).toMatchObject({ volume: "0.03", quote_volume: "6" });

  const inverse = { contractType: "inverse", contractSize: "100", lotSize: "1" } as const;
  const round = new TaskRig(settings, false).take(instrument(START, inverse), trades[0]!);
  round.take(instrument(START, { ...inverse, contractSize: "10.5" }), trade(2, START, { price: "200", qty: "2" }));
  round.take(instrument(START, inverse), trade(3, START, { price: "200", qty: "1" }), trades[1]!);
  const klines = round.of("market.kline");
  expect(klines.filter(({ is_closed }) => is_closed)[0]).toMatchObject({ volume: "6", quote_volume: "421" });
  expect(klines.filter(({ exchange }) => exchange === "aggregate")).toEqual([]);
});
