import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Rest, UnreadableFrame, VenueSettingsInvalid } from "../../../ingest/venue.js";
import { venueOf } from "../../../ingest/venues/index.js";
import { OkxBookSequence } from "../../../ingest/venues/okx/sequence.js";
import type { DepthTick, RawTick } from "../../../schemas/ticks.js";
import { instrument, lookupOf } from "../recorded-frames.js";

const venue = venueOf("okx");

function read(text: string, url?: string) {
  const ticks: RawTick[] = [];
  const origin = url === undefined ? { socket: "market-1" } : { url };
  const note = venue.read({ text, receiveTime: 1_000_000, origin }, lookupOf("okx"), (tick) => ticks.push(tick));
  return { ticks, note };
}

function update(previous: number, id: number, own: Partial<DepthTick> = {}): DepthTick {
  return {
    kind: "depth",
    exchange: "okx",
    symbol: "BTC/USDT",
    exchangeTime: 0,
    receiveTime: 0,
    action: previous < 0 ? "snapshot" : "increment",
    firstUpdateId: previous < 0 ? id : previous + 1,
    updateId: id,
    ...(previous >= 0 && { previousUpdateId: previous }),
    bids: [["1", String(id)]],
    asks: [["2", String(id)]],
    ...own,
  };
}

describe("OKX's sequence", () => {
  const steps = (ticks: readonly DepthTick[]) => {
    const sequence = new OkxBookSequence();
    return ticks.map((tick) => (tick.action === "snapshot" ? sequence.snapshot(tick) : sequence.next(tick)));
  };

  it("follows by the id that an update names, whatever the steps between ids", () => {
    expect(steps([update(-1, 100), update(100, 107), update(107, 152)])).toEqual(["apply", "apply", "apply"]);
    expect(steps([update(100, 107)])).toEqual(["gap"]);
  });

  it("a quiet market's message (both ids equal) and a repeated one are contained already", () => {
    expect(steps([update(-1, 100), update(100, 100), update(100, 107), update(100, 107), update(107, 107)])).toEqual([
      "apply",
      "skip",
      "apply",
      "skip",
      "skip",
    ]);
  });

  it("ids that begin lower after a maintenance begin the book anew, even where the first of them was lost", () => {
    expect(steps([update(-1, 100), update(100, 3)])).toEqual(["apply", "gap"]);
    expect(steps([update(-1, 100), update(3, 5), update(5, 9)])).toEqual(["apply", "skip", "gap"]);
  });

  it("any update lost, and any two exchanged, are noticed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 3, maxLength: 30 }),
        fc.nat(),
        fc.boolean(),
        (steps, pick, lost) => {
          let id = 10;
          const updates = steps.map((step) => {
            id += step;
            return update(id - step, id);
          });
          const at = pick % (updates.length - 1);
          const spoilt = lost
            ? updates.filter((_, i) => i !== at)
            : updates.with(at, updates[at + 1]!).with(at + 1, updates[at]!);
          const sequence = new OkxBookSequence();
          sequence.snapshot(update(-1, 10));
          const verdicts = spoilt.map((tick) => sequence.next(tick));
          expect(verdicts.slice(0, at)).toEqual(spoilt.slice(0, at).map(() => "apply"));
          expect(verdicts[at]).toBe("gap");
        },
      ),
    );
  });

  it("the checksum is verified where there is one; that of another book is a mismatch", () => {
    // Computed apart with Python's zlib: crc32("3366.1:7:3366.8:9:3366:6:3368:8") as in the venue's own description.
    const bids = [
      ["3366.1", "7"],
      ["3366", "6"],
    ] as const;
    const asks = [
      ["3366.8", "9"],
      ["3368", "8"],
    ] as const;
    const checksum = -1881014294;
    const sequence = new OkxBookSequence();
    expect(sequence.snapshot(update(-1, 1, { bids, asks, checksum }))).toBe("apply");
    expect(new OkxBookSequence().snapshot(update(-1, 1, { bids: asks, asks: bids, checksum }))).toBe("mismatch");
    expect(sequence.next(update(1, 2, { bids: [], asks: [["3369", "1"]], checksum }))).toBe("mismatch");
  });
});

describe("reading OKX", () => {
  it("books of today: ids, no checksum where it is 0", () => {
    const text = (action: string, ids: string) =>
      `{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"${action}","data":[{"asks":[["8476.98","415","0","13"]],"bids":[["8476.97","256","0","12"]],"ts":"1597026383085","checksum":0,${ids}}]}`;
    const base = {
      kind: "depth",
      exchange: "okx",
      symbol: "BTC-USDT",
      exchangeTime: 1_597_026_383_085_000,
      receiveTime: 1_000_000,
      bids: [["8476.97", "256"]],
      asks: [["8476.98", "415"]],
    };
    expect(read(text("snapshot", '"seqId":123456,"prevSeqId":-1')).ticks).toEqual([
      { ...base, action: "snapshot", firstUpdateId: 123_456, updateId: 123_456 },
    ]);
    expect(read(text("update", '"seqId":123499,"prevSeqId":123456')).ticks).toEqual([
      { ...base, action: "increment", firstUpdateId: 123_457, updateId: 123_499, previousUpdateId: 123_456 },
    ]);
  });

  it("best prices, an empty side as empty texts", () => {
    const text =
      '{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["8476.98","415","0","13"]],"bids":[],"ts":"1597026383085","seqId":123456}]}';
    expect(read(text).ticks).toMatchObject([
      { kind: "quote", bidPrice: "", bidQty: "", askPrice: "8476.98", askQty: "415" },
    ]);
  });

  it("tickers: volume in base currency or contracts, in quote currency on spot alone", () => {
    const text =
      '{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instType":"SPOT","instId":"BTC-USDT","last":"9999.99","lastSz":"0.1","askPx":"9999.99","askSz":"11","bidPx":"8888.88","bidSz":"5","open24h":"9000","high24h":"10000","low24h":"8888.88","volCcy24h":"2222","vol24h":"1111","ts":"1597026383085"}]}';
    const spot = read(text).ticks;
    expect(spot).toMatchObject([{ kind: "ticker", lastPrice: "9999.99", volume24h: "1111", quoteVolume24h: "2222" }]);
    const swap: RawTick[] = [];
    const known = { ...instrument("okx", "BTC/USDT:USDT", "BTC-USDT"), contractType: "linear" } as const;
    const frame = { text, receiveTime: 1, origin: { socket: "market-1" } };
    venue.read(frame, lookupOf("okx", [known]), (tick) => swap.push(tick));
    expect(swap[0]).not.toHaveProperty("quoteVolume24h");
  });

  it("answers, refusals, the notice before a restart and pongs are no data", () => {
    expect(
      read('{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}').note,
    ).toEqual({
      subscription: "books:BTC-USDT",
    });
    const refused =
      '{"event":"error","code":"60018","msg":"Wrong URL or channel:books,instId:FOO-BAR doesn\'t exist. Please use the correct URL, channel and parameters referring to API document.","connId":"a4d3ae55"}';
    expect(read(refused).note).toMatchObject({
      subscription: "books:FOO-BAR",
      refusal: expect.stringContaining("60018"),
    });
    const notice =
      '{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","connId":"a4d3ae55"}';
    expect(read(notice).note).toBe("shutdown");
    expect(read("pong").note).toBe("ignored");
    expect(read('{"event":"unsubscribe","arg":{"channel":"books","instId":"BTC-USDT"}}').note).toBe("ignored");
  });

  it.each([
    "",
    "[]",
    "{}",
    '{"arg":{"channel":"trades"}}',
    '{"arg":{"channel":"trades"},"data":[{"instId":"BTC-USDT","px":"1","sz":"1","side":"buy","ts":"1"}]}',
    '{"arg":{"channel":"trades"},"data":[{"instId":"BTC-USDT","tradeId":"1","px":1,"sz":"1","side":"buy","ts":"1"}]}',
    '{"arg":{"channel":"trades"},"data":[{"instId":"BTC-USDT","tradeId":"1","px":"1","sz":"1","side":"long","ts":"1"}]}',
    '{"arg":{"channel":"trades"},"data":[{"instId":"BTC-USDT","tradeId":"1","px":"1","sz":"1","side":"buy"}]}',
    '{"arg":{"channel":"books","instId":"BTC-USDT"},"data":[{"asks":[],"bids":[],"ts":"1"}]}',
    '{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["1"]],"bids":[],"ts":"1"}]}',
    '{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[],"bids":[],"ts":"1","seqId":"1"}]}',
    '{"arg":{"channel":"tickers"},"data":[null]}',
    '{"table":"spot/trade","data":[{"instrument_id":"BTC-USDT","trade_id":"1","price":"1","side":"buy","timestamp":"2019-08-01T00:00:08.806Z"}]}',
    '{"table":"spot/trade","data":[{"instrument_id":"BTC-USDT","trade_id":"1","price":0.1234567890123456,"size":"1","side":"buy","timestamp":"2019-08-01T00:00:08.806Z"}]}',
    '{"table":"spot/depth","data":[{"instrument_id":"BTC-USDT","asks":[],"bids":[],"timestamp":"2019-08-01T00:00:08.806Z"}]}',
  ])("%s is unreadable", (text) => {
    expect(() => read(text)).toThrow(UnreadableFrame);
  });
});

describe("OKX's book with RPI orders", () => {
  const levels = {
    asks: [["100.2", "7", "5", "3"]],
    bids: [["100.1", "4", "0", "1"]],
    ts: "5",
    seqId: 9,
    prevSeqId: -1,
  };
  const frame = (channel: string) =>
    JSON.stringify({ arg: { channel, instId: "BTC-USDT" }, action: "snapshot", data: [levels] });
  const readBy = (settings: Record<string, unknown>, channel: string) => {
    const ticks: RawTick[] = [];
    const whole = { text: frame(channel), receiveTime: 1, origin: { socket: "market-1" } };
    venueOf("okx", settings).read(whole, lookupOf("okx"), (tick) => ticks.push(tick));
    return ticks;
  };

  it("is a setting: all of a level's quantity counts then, and the book without them is not read beside it", () => {
    const asked = venueOf("okx", { bookChannel: "books-rpi" }).connections([
      { instrument: instrument("okx", "BTC/USDT", "BTC-USDT"), kinds: ["depth"] },
    ]);
    expect(asked.flatMap(({ streams }) => streams!.map(({ name }) => name))).toEqual(["books-rpi:BTC-USDT"]);
    expect(asked[0]!.url).toBe("wss://ws.okx.com:8443/ws/v5/public");
    expect(readBy({ bookChannel: "books-rpi" }, "books-rpi")).toMatchObject([
      { kind: "depth", action: "snapshot", updateId: 9, asks: [["100.2", "7"]], bids: [["100.1", "4"]] },
    ]);
    expect(readBy({ bookChannel: "books-rpi" }, "books")).toEqual([]);
    expect(readBy({}, "books-rpi")).toEqual([]);
    expect(readBy({}, "books")).toHaveLength(1);
  });

  it.each([
    ["global", "https://www.okx.com", "wss://ws.okx.com:8443/ws/v5/public"],
    ["openapi", "https://openapi.okx.com", "wss://ws.okx.com:8443/ws/v5/public"],
    ["eea", "https://eea.okx.com", "wss://wseea.okx.com:8443/ws/v5/public"],
    ["us", "https://us.okx.com", "wss://wsus.okx.com:8443/ws/v5/public"],
  ])("region %s has its hosts, and what is set besides counts", (region, restUrl, url) => {
    const want = [{ instrument: instrument("okx", "BTC/USDT", "BTC-USDT"), kinds: ["depth"] as const }];
    expect([venueOf("okx", { region }).restUrl, venueOf("okx", { region }).connections(want)[0]!.url]).toEqual([
      restUrl,
      url,
    ]);
    expect(venueOf("okx", { region, restUrl: "http://127.0.0.1:1" }).restUrl).toBe("http://127.0.0.1:1");
    expect(() => venueOf("okx", { region: "mars" })).toThrow(/region/);
  });
});

describe("asking OKX", () => {
  const btc = instrument("okx", "BTC/USDT", "BTC-USDT");
  const kinds = ["trade", "quote", "ticker", "depth"] as const;

  it("trades come from the business address, all else from the public one, each subscription answered", () => {
    const plans = venue.connections([{ instrument: btc, kinds }]);
    expect(plans.map(({ name, url, answers }) => [name, url, answers])).toEqual([
      ["market-1", "wss://ws.okx.com:8443/ws/v5/public", ["bbo-tbt:BTC-USDT", "tickers:BTC-USDT", "books:BTC-USDT"]],
      ["trades-1", "wss://ws.okx.com:8443/ws/v5/business", ["trades-all:BTC-USDT"]],
    ]);
    const summed = venueOf("okx", { tradeChannel: "trades", quoteChannel: "tickers" });
    expect(summed.contiguousTradeIds).toBe(false);
    expect(summed.connections([{ instrument: btc, kinds }])[0]?.answers).toEqual([
      "trades:BTC-USDT",
      "tickers:BTC-USDT",
      "books:BTC-USDT",
    ]);
    expect(venue.resubscribe?.(btc).map((frame) => JSON.parse(frame).op)).toEqual(["unsubscribe", "subscribe"]);
  });

  it("subscribes in requests of 80 streams, and in several connections beyond 240", () => {
    const many = Array.from({ length: 100 }, (_, i) => ({
      instrument: instrument("okx", `A${i}`, `A${i}-USDT`),
      kinds,
    }));
    const market = venue.connections(many).filter(({ name }) => name.startsWith("market"));
    expect(market.map(({ answers }) => answers?.length)).toEqual([240, 60]);
    expect(market[0]!.hello.map((frame) => JSON.parse(frame).args.length)).toEqual([80, 80, 80]);
  });

  it("back-fills from the newest page down to the id, oldest first", async () => {
    const trade = (id: number) =>
      `{"instId":"BTC-USDT","side":"sell","sz":"0.1","px":"102537.9","tradeId":"${id}","ts":"1747087163557"}`;
    const page = (last: number, count: number) =>
      `{"code":"0","msg":"","data":[${Array.from({ length: count }, (_, i) => trade(last - i)).join(",")}]}`;
    const asked: string[] = [];
    const rest: Rest = {
      get: async (path, query) => {
        const url = `https://www.okx.com${path}?${new URLSearchParams(query)}`;
        asked.push(`${path.split("/").at(-1)} ${query.after ?? ""}`);
        return { url, text: query.after === undefined ? page(1_000, 500) : page(Number(query.after) - 1, 100) };
      },
    };
    const pages = (await venue.tradesSince?.(rest, btc, { tradeId: "310", exchangeTime: 0 })) ?? [];
    expect(asked).toEqual(["trades ", "history-trades 501", "history-trades 401"]);
    const ticks = pages.flatMap(({ text, url }) => read(text, url).ticks);
    const ids = ticks.map((tick) => (tick.kind === "trade" ? Number(tick.tradeId) : 0));
    expect(ids).toEqual(Array.from({ length: 700 }, (_, i) => 301 + i));
    expect(ticks[0]).toMatchObject({ backfilled: true, symbol: "BTC-USDT", qty: "0.1" });
  });

  it("an answer that is an error is unreadable, and wrong settings are named", () => {
    const url = "https://www.okx.com/api/v5/public/instruments?instType=SPOT";
    expect(() => read('{"code":"50011","msg":"Too Many Requests","data":[]}', url)).toThrow(/50011/);
    expect(() => venueOf("okx", { tradeChannel: "all" })).toThrow(VenueSettingsInvalid);
  });
});
