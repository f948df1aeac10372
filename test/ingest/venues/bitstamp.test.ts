import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { type Rest, UnreadableFrame, VenueSettingsInvalid } from "../../../ingest/venue.js";
import { BitstampBookSequence } from "../../../ingest/venues/bitstamp.js";
import { venueOf } from "../../../ingest/venues/index.js";
import type { DepthTick, RawTick } from "../../../schemas/ticks.js";
import { liveRig, until } from "../live-rig.js";
import { instrument, lookupOf } from "../recorded-frames.js";
import { bitstampDialect } from "./bitstamp-dialect.js";

const venue = venueOf("bitstamp");

function read(text: string, url?: string) {
  const ticks: RawTick[] = [];
  const origin = url === undefined ? { socket: "market-1" } : { url };
  const note = venue.read({ text, receiveTime: 1_000_000, origin }, lookupOf("bitstamp"), (tick) => ticks.push(tick));
  return { ticks, note };
}

const api = "https://www.bitstamp.net/api/v2";

describe("Bitstamp's rule for books", () => {
  const tick = (action: "snapshot" | "increment", updateId: number, receiveTime = updateId): DepthTick => ({
    kind: "depth",
    exchange: "bitstamp",
    symbol: "BTC/USD",
    exchangeTime: updateId,
    receiveTime,
    action,
    firstUpdateId: updateId,
    updateId,
    bids: [],
    asks: [],
  });
  const steps = (sequence: BitstampBookSequence, ids: readonly number[]) =>
    ids.map((id) => {
      const step = sequence.next(tick("increment", id));
      return typeof step === "string" ? step : "apply";
    });
  /** Rising times, µs, as no two updates of a book have the same. */
  const streams = fc
    .tuple(
      fc.integer({ min: 1, max: 2e15 }),
      fc.array(fc.integer({ min: 1, max: 5e6 }), { minLength: 3, maxLength: 40 }),
    )
    .map(([start, pauses]) => {
      let at = start;
      return pauses.map((pause) => (at += pause));
    });

  it("after a snapshot of any time the later updates apply, and the others are contained", () => {
    fc.assert(
      fc.property(streams, fc.double({ min: 0, max: 1, noNaN: true }), (ids, share) => {
        const at = ids[0]! + Math.floor((ids.at(-1)! - ids[0]!) * share);
        const sequence = new BitstampBookSequence();
        sequence.snapshot(tick("snapshot", at, ids.at(-1)! + 1));
        expect(steps(sequence, ids)).toEqual(ids.map((id) => (id <= at ? "skip" : "apply")));
      }),
    );
  });

  it("an update that comes again is skipped, two that changed places are noticed", () => {
    fc.assert(
      fc.property(streams, fc.nat(), (ids, at) => {
        const i = 1 + (at % (ids.length - 2));
        const begun = () => {
          const sequence = new BitstampBookSequence();
          sequence.snapshot(tick("snapshot", ids[0]!));
          return sequence;
        };
        const doubled = ids.flatMap((id, n) => (n === i ? [id, id] : [id]));
        expect(steps(begun(), doubled).filter((step) => step === "skip")).toHaveLength(2);
        const both = [...ids.slice(1), ...ids.slice(1)];
        expect(steps(begun(), both)).toEqual(both.map((_, n) => (n < ids.length - 1 ? "apply" : "skip")));
        const mixed = [...ids];
        [mixed[i], mixed[i + 1]] = [mixed[i + 1]!, mixed[i]!];
        expect(steps(begun(), mixed)[i + 1]).toBe("gap");
      }),
    );
  });

  it("a snapshot that is older than all that came of the stream is not taken, nor an update before any snapshot", () => {
    fc.assert(
      fc.property(streams, fc.integer({ min: 1, max: 1e6 }), (ids, older) => {
        const sequence = new BitstampBookSequence();
        expect(steps(sequence, [ids[0]!])).toEqual(["gap"]);
        sequence.snapshot(tick("snapshot", ids[0]! - older, ids.at(-1)! + 1));
        expect(steps(sequence, [ids[0]!])).toEqual(["gap"]);
      }),
    );
  });

  it("each update that applies names the one before, so that readers of the log miss none of theirs", () => {
    fc.assert(
      fc.property(streams, (ids) => {
        const sequence = new BitstampBookSequence();
        sequence.snapshot(tick("snapshot", ids[0]! - 1));
        const named = ids.map((id) => (sequence.next(tick("increment", id)) as DepthTick).previousUpdateId);
        expect(named).toEqual([ids[0]! - 1, ...ids.slice(0, -1)]);
      }),
    );
  });

  it("an update that is lost does not show: nothing numbers them", () => {
    fc.assert(
      fc.property(streams, fc.nat(), (ids, at) => {
        const sequence = new BitstampBookSequence();
        sequence.snapshot(tick("snapshot", ids[0]!));
        const lost = 1 + (at % (ids.length - 1));
        expect(
          steps(
            sequence,
            ids.filter((_, n) => n > 0 && n !== lost),
          ),
        ).not.toContain("gap");
      }),
    );
  });
});

describe("reading Bitstamp", () => {
  it("the best of a book's top is a quote, an empty side is empty", () => {
    const book = (asks: string) =>
      `{"data":{"timestamp":"1641343691","microtimestamp":"1641343691244908","bids":[["1.15979","993.02588113"],["1.1","2"]],"asks":${asks}},"channel":"order_book_bateur","event":"data"}`;
    const bid = { kind: "quote", symbol: "bateur", bidPrice: "1.15979", bidQty: "993.02588113" };
    expect(read(book('[["1.16601","1200.00000000"]]')).ticks).toMatchObject([
      { ...bid, askPrice: "1.16601", askQty: "1200.00000000", exchangeTime: 1_641_343_691_244_908 },
    ]);
    expect(read(book("[]")).ticks).toMatchObject([{ ...bid, askPrice: "", askQty: "" }]);
  });

  it("markets as they are listed today: spot only, by ccxt's names, a stopped one halted", () => {
    const market = (own: object) => ({ base_decimals: 8, counter_decimals: 0, trading: "Enabled", ...own });
    const list = [
      market({ name: "BTC/USD", market_symbol: "btcusd", market_type: "SPOT" }),
      market({
        name: "UST/EUR",
        market_symbol: "usteur",
        market_type: "SPOT",
        trading: "Disabled",
        counter_decimals: 5,
      }),
      market({ name: "BTC/USD-PERP", market_symbol: "btcusd-perp", market_type: "PERPETUAL" }),
    ];
    expect(read(JSON.stringify(list), `${api}/markets/`).ticks).toMatchObject([
      { symbol: "BTC/USD", nativeId: "btcusd", status: "trading", tickSize: "1", lotSize: "0.00000001" },
      { symbol: "USTC/EUR", nativeId: "usteur", status: "halted", tickSize: "0.00001" },
    ]);
  });

  it("answers, refusals and notices are told apart", () => {
    expect(read('{"event":"bts:subscription_succeeded","channel":"live_trades_btcusd","data":{}}').note).toEqual({
      subscription: "live_trades_btcusd",
    });
    const refused = '{"event":"bts:error","channel":"","data":{"code":null,"message":"Incorrect JSON format."}}';
    expect(read(refused).note).toEqual({ subscription: "", refusal: "Incorrect JSON format." });
    expect(read('{"event":"bts:request_reconnect","channel":"","data":""}').note).toBe("shutdown");
    for (const text of [
      '{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}',
      '{"event":"bts:unsubscription_succeeded","channel":"live_trades_btcusd","data":{}}',
      '{"event":"order_created","channel":"live_orders_btcusd","data":{"id":1}}',
      '{"event":"data","channel":"detail_order_book_btcusd","data":{"bids":[],"asks":[]}}',
    ]) {
      expect(read(text)).toEqual({ ticks: [], note: "ignored" });
    }
  });

  const trade = (own: string) =>
    `{"event":"trade","channel":"live_trades_btcusd","data":{"id":1,"price_str":"1","amount_str":"1","type":0,"microtimestamp":"1",${own}}}`;
  const diff = (data: string) => `{"event":"data","channel":"diff_order_book_btcusd","data":${data}}`;

  it.each([
    "",
    "null",
    "[]",
    "{}",
    '{"event":"data"}',
    '{"event":1,"channel":"live_trades_btcusd"}',
    trade('"id":"none"'),
    trade('"id":9007199254740993'),
    trade('"type":2'),
    trade('"price_str":1.5'),
    trade('"amount_str":"-1"'),
    trade('"microtimestamp":"yesterday"'),
    diff("null"),
    diff("{}"),
    diff('{"microtimestamp":"1","bids":[]}'),
    diff('{"microtimestamp":"1","bids":[],"asks":[["1","1"],["x","1"]]}'),
    diff('{"microtimestamp":"1","bids":[null],"asks":[]}'),
    diff('{"bids":[],"asks":[]}'),
  ])("%s is unreadable", (text) => {
    expect(() => read(text)).toThrow(UnreadableFrame);
  });

  it("a list whose last trade is broken gives none of the others, and a refusal of REST is no list", () => {
    const good = '{"tid":"2","date":"1","price":"1","amount":"1","type":"0"}';
    const ticks: RawTick[] = [];
    const frame = { text: `[{},${good}]`, receiveTime: 1, origin: { url: `${api}/transactions/btcusd/` } };
    expect(() => venue.read(frame, lookupOf("bitstamp"), (tick) => ticks.push(tick))).toThrow(UnreadableFrame);
    expect(ticks).toEqual([]);
    const refusal =
      '{"status":"error","reason":"Request rejected due to exceeded rate limit.","response_code":"400.002"}';
    expect(() => read(refusal, `${api}/transactions/btcusd/`)).toThrow(UnreadableFrame);
    expect(venue.isRateLimit?.(refusal)).toBe(true);
    expect(venue.isRateLimit?.(`[${good}]`)).toBe(false);
  });
});

describe("asking Bitstamp", () => {
  const market = instrument("bitstamp", "BTC/USD", "btcusd");

  it("subscribes to a channel a frame, waits for each answer, and keeps below the channels of a connection", () => {
    const kinds = ["trade", "quote", "ticker", "depth"] as const;
    const [plan] = venue.connections([{ instrument: market, kinds }]);
    expect(plan).toMatchObject({ url: "wss://ws.bitstamp.net", ping: { frame: '{"event":"bts:heartbeat"}' } });
    expect(plan?.answers).toEqual(["live_trades_btcusd", "order_book_btcusd", "diff_order_book_btcusd"]);
    expect(plan?.hello[0]).toBe('{"event":"bts:subscribe","data":{"channel":"live_trades_btcusd"}}');
    const many = Array.from({ length: 700 }, (_, i) => ({
      instrument: instrument("bitstamp", `A${i}/USD`, `a${i}usd`),
      kinds,
    }));
    expect(venue.connections(many).map(({ hello }) => hello.length)).toEqual([900, 900, 300]);
    expect(venue.connections([{ instrument: market, kinds: ["ticker"] }])).toEqual([]);
  });

  it("back-fills from the shortest list that reaches back to the trade", async () => {
    const asked: unknown[] = [];
    const oldest: Readonly<Record<string, string | undefined>> = { minute: undefined, hour: "50", day: "10" };
    const rest: Rest = {
      get: async (path, query) => {
        asked.push(query.time);
        const tid = oldest[query.time ?? ""];
        return { text: JSON.stringify(tid === undefined ? [] : [{ tid: "99" }, { tid }]), url: path };
      },
    };
    await venue.tradesSince?.(rest, market, { tradeId: "50", exchangeTime: 0 });
    expect(asked.splice(0)).toEqual(["minute", "hour"]);
    const pages = await venue.tradesSince?.(rest, market, { tradeId: "49", exchangeTime: 0 });
    expect(asked).toEqual(["minute", "hour", "day"]);
    expect(pages).toHaveLength(1);
    expect(pages?.[0]?.url).toBe("/api/v2/transactions/btcusd/");
  });

  it("wrong settings are named", () => {
    expect(() => venueOf("bitstamp", { weightLimit: 0 })).toThrow(VenueSettingsInvalid);
    expect(() => venueOf("bitstamp", { url: "wss://elsewhere" })).toThrow(/url/);
  });
});

describe("Bitstamp live", () => {
  let rig: Awaited<ReturnType<typeof liveRig>> | undefined;

  afterEach(async () => rig?.stop());

  it("a lost update is made good by the next snapshot, though REST is behind the stream", async () => {
    const started = await liveRig(
      { dialect: bitstampDialect, rate: 400 },
      { resnapshotMinutes: 0.01 },
      {},
      { venue: "bitstamp" },
    );
    rig = started;
    await until(() => started.ingest.isReady, "ready");
    const [symbol] = started.symbols as [string];
    const snapshots = async () => (await started.depthOf(symbol)).filter(({ action }) => action === "snapshot").length;
    expect(await started.simulator.sequenceGap({ symbol })).toBe(true);
    const before = await snapshots();
    await until(async () => (await snapshots()) > before + 1, "fresh snapshots while the market goes on");
    await started.settled();
    const gaps = (await started.depthOf(symbol)).filter(({ action }) => action === "gap");
    expect(gaps.map(({ reason }) => reason)).toEqual(["session_start"]);
  });

  it("a connection that is given up before all is subscribed has brought updates: its books begin anew", async () => {
    let given = 0;
    const started = await liveRig(
      {
        dialect: {
          ...bitstampDialect,
          streams: (exchange) => {
            const streams = bitstampDialect.streams(exchange);
            const { message } = streams;
            streams.message = (client, text) => {
              if (text.includes("live_trades_btcusdt")) given += 1;
              if (given > 1 || !text.includes("ethusdt")) message.call(streams, client, text);
            };
            return streams;
          },
        },
        rate: 400,
      },
      { connection: { openTimeoutMs: 500, overlapMs: 300, backoff: { baseMs: 300, capMs: 300 } } },
      {},
      { venue: "bitstamp" },
    );
    rig = started;
    await until(() => started.ingest.isReady, "ready");
    expect(given).toBe(2);
    await until(async () => (await started.tradesOf("ETH/USDT")).length > 5, "trades");
    await started.settled();
    const depth = await started.depthOf("BTC/USDT");
    const told = depth.filter(({ action }) => action !== "increment").map(({ action, reason }) => reason ?? action);
    expect(told).toEqual(["session_start", "snapshot", "reconnect", "snapshot"]);
  });
});
