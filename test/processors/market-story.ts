import fc from "fast-check";
import type { LevelText, RawTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import { feed, HOUR, heartbeat, increment, instrument, quote, START, snapshot, ticker, trade } from "./market-ticks.js";

const VENUES = ["binance", "kraken"];

/** A plant's day in small: ticks of every kind from two venues, right ones and wrong ones, of one symbol or two. */
export const marketStory: fc.Arbitrary<RawTick[]> = fc
  .array(
    fc.record({
      pause: fc.oneof(fc.nat(60_000), fc.nat(3_000_000), fc.nat(30_000_000)),
      late: fc.oneof({ weight: 6, arbitrary: fc.nat(2_000_000) }, { weight: 1, arbitrary: fc.nat(HOUR / 2) }),
      venue: fc.nat(1),
      kind: fc.constantFrom("trade", "trade", "quote", "depth", "depth", "snapshot", "gap", "ticker", "beat", "scale"),
      price: fc.integer({ min: 9_900, max: 10_100 }),
      qty: fc.integer({ min: 0, max: 3_000 }),
      flag: fc.boolean(),
    }),
    { minLength: 1, maxLength: 50 },
  )
  .map((steps) => {
    const ticks: RawTick[] = VENUES.map((exchange, at) =>
      instrument(START, { exchange, tickSize: at === 0 ? "0.01" : "0.0001", lotSize: at === 0 ? "0.001" : "1e-8" }),
    );
    const bookIds = [0, 0];
    let now: Micros = START + 24 * HOUR;
    for (const [n, { pause, late, venue, kind, price, qty, flag }] of steps.entries()) {
      now += pause;
      const exchange = VENUES[venue]!;
      const more = { exchange, exchangeTime: now - late };
      const text = (price / 100).toFixed(2);
      const levels: LevelText[] = [[text, (qty / 1000).toFixed(3)]];
      const higher: LevelText[] = [[(price / 100 + 5).toFixed(2), "1"]];
      switch (kind) {
        case "trade":
          ticks.push(
            trade(n, now, { ...more, price: text, qty: (qty / 1000).toFixed(3), side: flag ? "buy" : "sell" }),
          );
          break;
        case "quote":
          ticks.push(quote(now, { ...more, bidPrice: text, askPrice: higher[0]![0] }));
          break;
        case "snapshot":
          bookIds[venue] = n * 10;
          ticks.push(snapshot(now, n * 10, [[text, "2"]], higher, more));
          break;
        case "depth": {
          const first = bookIds[venue]! + 1;
          bookIds[venue] = first;
          ticks.push(increment(now, first, flag ? levels : [], flag ? [] : higher, more));
          break;
        }
        case "gap":
          ticks.push(increment(now, bookIds[venue]!, [], [], { ...more, action: "gap", reason: "reconnect" }));
          break;
        case "ticker":
          ticks.push(ticker(now, { ...more, volume24h: `${qty}.5`, open24h: text }));
          break;
        case "beat":
          ticks.push(heartbeat(now, [feed(flag, now - (qty % 1000), exchange)]));
          break;
        case "scale":
          if (qty > 2_500) ticks.push(instrument(now, { exchange, tickSize: "0.00001", lotSize: "1e-9" }));
          else ticks.push(trade(n, now, { ...more, price: `${text}1` }));
          break;
      }
    }
    ticks.push(heartbeat(now + 70_000_000, []));
    return ticks;
  });
