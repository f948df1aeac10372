import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { VenueChoice } from "../../ingest/ingest.js";
import { readEach } from "../../ingest/instrument-list.js";
import { replan } from "../../ingest/replan.js";
import { Simulator } from "../../ingest/simulator/server.js";
import { SymbolChoice } from "../../ingest/symbol-choice.js";
import type { ConnectionPlan, Subscription } from "../../ingest/venue.js";
import { venueIds, venueOf } from "../../ingest/venues/index.js";
import { bookOf, liveRig, until, venueIdOf } from "./live-rig.js";
import { MoodyExchange } from "./moody-exchange.js";
import { instrument } from "./recorded-frames.js";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const kinds = ["trade", "quote", "ticker", "depth"] as const;

/** A rig whose clock the test moves on, so that the venue is asked for its instruments. */
async function rigOf(choice: VenueChoice) {
  let ahead = 0;
  const clock = () => Date.now() * 1_000 + ahead;
  const rig = await liveRig({}, { venues: [choice], clock, clockBoundMs: 1e9 });
  stops.push(() => rig.stop());
  const tenMinutes = () => {
    ahead += 601_000_000;
  };
  const flows = (symbol: string) =>
    until(async () => {
      const trades = await rig.tradesOf(symbol);
      return trades.length > 3 && bookOf(await rig.depthOf(symbol)).live;
    }, `${symbol} has trades and a book`);
  const reasons = async (symbol: string) =>
    (await rig.depthOf(symbol)).filter(({ action }) => action === "gap").map(({ reason }) => reason);
  return { rig, tenMinutes, flows, reasons };
}

async function exchangeRig(symbols: readonly string[], prepare: (exchange: MoodyExchange) => void = () => {}) {
  const exchange = await MoodyExchange.start(["BTC", "NEW"], 20);
  stops.push(() => exchange.stop());
  prepare(exchange);
  const made = await rigOf({ venue: venueOf("binance", exchange.settings), symbols, kinds });
  return { exchange, ...made };
}

const trading = (symbol: string) => [{ symbol, status: "TRADING" }];

describe("subscriptions follow the venue's listings while the plant runs", () => {
  it.each([
    ["by name", ["BTC/USDT", "NEW/USDT"]],
    ["by pattern", ["*/USDT"]],
  ])("a market that is listed later, %s", async (_, symbols) => {
    let listed = false;
    const { rig, exchange, tenMinutes, flows, reasons } = await exchangeRig(symbols, ({ mood }) => {
      mood.listings = (base) => (base === "NEW" && !listed ? [] : trading(`${base}USDT`));
    });
    await flows("BTC/USDT");
    expect(exchange.asked.has("newusdt@trade")).toBe(false);
    listed = true;
    tenMinutes();
    await flows("NEW/USDT");
    await until(() => rig.ingest.isReady, "ready");
    expect([await reasons("BTC/USDT"), await reasons("NEW/USDT")]).toEqual([["session_start"], ["session_start"]]);
    expect(rig.ingest.feeds().map(({ feed }) => feed)).toEqual(["market-1"]);
  });

  it("a market that was delisted at the start and trades again", async () => {
    let status = "CLOSE";
    const { rig, tenMinutes, flows } = await exchangeRig(["BTC/USDT", "NEW/USDT"], ({ mood }) => {
      mood.listings = (base) => [{ symbol: `${base}USDT`, status: base === "NEW" ? status : "TRADING" }];
    });
    await flows("BTC/USDT");
    expect(await rig.tradesOf("NEW/USDT")).toEqual([]);
    status = "TRADING";
    tenMinutes();
    await flows("NEW/USDT");
  });

  it("a venue that lists nothing of what is wanted yet", async () => {
    let listed = false;
    const { rig, tenMinutes, flows } = await exchangeRig(["NEW/USDT"], ({ mood }) => {
      mood.listings = (base) => (base === "NEW" && !listed ? [] : trading(`${base}USDT`));
    });
    await until(() => rig.ingest.feeds().length > 0, "feeds are told");
    listed = true;
    tenMinutes();
    await flows("NEW/USDT");
  });

  it.each([[0], [1]])(
    "a symbol that goes by another native id: the one that trades counts (order %i)",
    async (order) => {
      let rolled = false;
      const { rig, exchange, tenMinutes, flows, reasons } = await exchangeRig(["BTC/USDT", "NEW/USDT"], ({ mood }) => {
        mood.listings = (base) => {
          if (base === "BTC") return trading("BTCUSDT");
          const pair = [
            { symbol: "NEWUSDT", status: rolled ? "CLOSE" : "TRADING" },
            { symbol: "NEW2USDT", status: rolled ? "TRADING" : "PENDING_TRADING" },
          ];
          return order === 0 ? pair : pair.reverse();
        };
      });
      await flows("NEW/USDT");
      expect([exchange.asked.has("newusdt@trade"), exchange.asked.has("new2usdt@trade")]).toEqual([true, false]);
      rolled = true;
      tenMinutes();
      await until(() => exchange.asked.has("new2usdt@trade"), "the other is asked for");
      const before = (await rig.tradesOf("NEW/USDT")).length;
      await until(async () => (await rig.tradesOf("NEW/USDT")).length > before + 5, "trades go on");
      await until(() => rig.ingest.isReady, "ready");
      expect([await reasons("BTC/USDT"), await reasons("NEW/USDT")]).toEqual([
        ["session_start"],
        ["session_start", "relisted"],
      ]);
    },
  );

  it.each(["delisted", "missing"])(
    "a market that is %s is left, its book is stale, and all else is well",
    async (how) => {
      let gone = false;
      const { rig, exchange, tenMinutes, flows, reasons } = await exchangeRig(["*/USDT"], ({ mood }) => {
        mood.listings = (base) => {
          if (base === "BTC" || !gone) return trading(`${base}USDT`);
          return how === "missing" ? [] : [{ symbol: "NEWUSDT", status: "CLOSE" }];
        };
      });
      await flows("NEW/USDT");
      gone = true;
      const asked = exchange.requests.get("/api/v3/exchangeInfo")!;
      tenMinutes();
      if (how === "missing") {
        await until(() => exchange.requests.get("/api/v3/exchangeInfo")! > asked, "asked once");
        expect(await reasons("NEW/USDT")).toEqual(["session_start"]);
        tenMinutes();
      }
      await until(async () => (await reasons("NEW/USDT")).includes("delisted"), "the book ends");
      const told = (await rig.ticks()).filter(({ kind, symbol }) => kind === "instrument" && symbol === "NEW/USDT");
      expect(told.at(-1)).toMatchObject({
        status: "delisted",
      });
      await until(() => rig.ingest.isReady, "ready");
      // its streams are asked for no more
      const before = exchange.asked.get("btcusdt@trade")!;
      const newBefore = exchange.asked.get("newusdt@trade")!;
      exchange.drop();
      await until(() => exchange.asked.get("btcusdt@trade")! > before, "comes back");
      expect(exchange.asked.get("newusdt@trade")).toBe(newBefore);
    },
  );

  it.each(["usdm", "okx", "kraken"] as const)("on a simulated %s, without a gap in what was there", async (dialect) => {
    const simulator = await Simulator.start({ dialect, symbols: ["BTC/USDT", "ETH/USDT"], rate: 200 });
    stops.push(() => simulator.stop());
    const id = venueIdOf[dialect];
    const real = venueOf(id, { restUrl: simulator.url, wsUrl: simulator.wsUrl });
    let listed = false;
    const [btc, eth] = ["BTC/USDT", "ETH/USDT"].map((name) => (dialect === "usdm" ? `${name}:USDT` : name));
    const venue: typeof real = {
      ...real,
      instruments: async (rest, now) =>
        (await real.instruments(rest, now)).filter(({ symbol }) => listed || symbol !== eth),
    };
    const { tenMinutes, flows, reasons, rig } = await rigOf({ venue, symbols: [btc!, eth!], kinds });
    await flows(btc!);
    listed = true;
    tenMinutes();
    await flows(eth!);
    await until(() => rig.ingest.isReady, "ready");
    expect([await reasons(btc!), await reasons(eth!)]).toEqual([["session_start"], ["session_start"]]);
  });
});

describe("connections are planned anew", () => {
  const change = fc.record({ listed: fc.nat(300), delisted: fc.array(fc.nat(2_000), { maxLength: 40 }) });

  it.each(venueIds)("%s: each wanted stream once, within the venue's bounds, and few connections touched", (id) => {
    const venue = venueOf(id);
    const subscription = (at: number): Subscription => ({
      instrument: instrument(id, `A${at}/USDT`, `A${at}/USDT`),
      kinds,
    });
    const streamsOf = (plans: readonly ConnectionPlan[]) =>
      plans.flatMap(({ streams }) => streams!.map(({ name }) => name)).sort();
    const most = Math.max(
      ...venue
        .connections(Array.from({ length: 2_000 }, (_, at) => subscription(at)))
        .map(({ streams }) => streams!.length),
    );
    fc.assert(
      fc.property(fc.nat(900), fc.array(change, { maxLength: 4 }), (start, changes) => {
        let wanted = Array.from({ length: start }, (_, at) => at);
        let next = start;
        let plans = venue.connections(wanted.map(subscription));
        for (const { listed, delisted } of changes) {
          const gone = new Set(delisted.filter((at) => wanted.includes(at)));
          const fresh = Array.from({ length: listed }, (_, at) => next + at);
          next += listed;
          wanted = [...wanted.filter((at) => !gone.has(at)), ...fresh];
          const { changed, opened } = replan(
            venue,
            plans,
            new Set([...gone].map((at) => `A${at}/USDT`)),
            fresh.map(subscription),
          );
          if (gone.size === 0) expect(changed.size).toBeLessThanOrEqual(2);
          plans = [...plans.flatMap((plan) => (changed.has(plan) ? (changed.get(plan) ?? []) : [plan])), ...opened];
          expect(streamsOf(plans)).toEqual(streamsOf(venue.connections(wanted.map(subscription))));
          expect(new Set(plans.map(({ name }) => name)).size).toBe(plans.length);
          for (const { streams } of plans) expect(streams!.length).toBeLessThanOrEqual(most);
        }
      }),
      { numRuns: 4 },
    );
  });
});

describe("of several native ids that give one symbol", () => {
  const statuses = ["delisted", "halted", "trading"] as const;
  const entries = fc.uniqueArray(fc.record({ nativeId: fc.stringMatching(/^[A-C]{1,2}$/), status: fc.nat(2) }), {
    selector: ({ nativeId }) => nativeId,
    minLength: 1,
    maxLength: 5,
  });

  it("the one that trades counts, in whatever order they are listed", () => {
    fc.assert(
      fc.property(entries, fc.infiniteStream(fc.nat()), (all, keys) => {
        const instruments = all.map(({ nativeId, status }) => ({
          ...instrument("binance", "A/USDT", nativeId),
          status: statuses[status]!,
        }));
        const shuffled = instruments
          .map((one) => [keys.next().value as number, one] as const)
          .sort(([a], [b]) => a - b)
          .map(([, one]) => one);
        const [found, ...others] = readEach(shuffled, (one) => one);
        expect(others).toEqual([]);
        expect(statuses.indexOf(found!.status)).toBe(Math.max(...all.map(({ status }) => status)));
        expect(readEach(instruments, (one) => one)).toEqual([found]);
      }),
    );
  });
});

describe("which symbols a choice means", () => {
  it.each([
    ["*/USDT", ["BTC/USDT", "1000X/USDT", "A&B/USDT"], ["BTC/USDT:USDT", "BTC/USDTX", "BTC/USD"]],
    ["BTC/USD:*", ["BTC/USD:BTC", "BTC/USD:BTC-260327", "BTC/USD:USD-310404"], ["BTC/USD", "BTC/USDT:USDT"]],
    ["BTC/*", ["BTC/USDT", "BTC/EUR"], ["BTC/USDT:USDT", "WBTC/USDT"]],
    ["A.B/USDT", ["A.B/USDT"], ["AXB/USDT"]],
    ["M%2AA/USDT", ["M*A/USDT"], ["MOCA/USDT", "M%2AA/USDT"]],
    ["%2A*/USDT", ["*A/USDT"], ["BA/USDT"]],
  ])("%s", (entry, meant, others) => {
    const choice = new SymbolChoice([entry]);
    for (const symbol of meant) expect(choice.entryOf(symbol)).toBe(entry);
    for (const symbol of others) expect(choice.entryOf(symbol)).toBeUndefined();
  });

  it("a symbol belongs to one entry: to its name, else to the first pattern", () => {
    const choice = new SymbolChoice(["*/USDT", "BTC/*", "BTC/USDT"]);
    expect(["BTC/USDT", "ETH/USDT", "BTC/EUR"].map((symbol) => choice.entryOf(symbol))).toEqual([
      "BTC/USDT",
      "*/USDT",
      "BTC/*",
    ]);
  });
});
