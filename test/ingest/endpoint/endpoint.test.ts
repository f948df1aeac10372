import { request } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { endpointRig, key, line } from "./endpoint-rig.js";

let rig: Awaited<ReturnType<typeof endpointRig>>;
const begin = async (...args: Parameters<typeof endpointRig>) => {
  rig = await endpointRig(...args);
  return rig;
};
afterEach(() => rig.stop());

describe("lines that are right", () => {
  it("stand in the log, governed by an inferred instrument, when the answer comes", async () => {
    const { post, log, clock } = await begin();
    const before = clock();
    const answer = await post(`${line(before - 1_000)}\n${line(before, { trade_id: "2", price: "100.125" })}\n`);
    expect(answer).toMatchObject({ status: 200, body: { accepted: 2, refused: [] } });
    const ticks = log.ticks();
    expect(ticks.map(({ kind }) => kind)).toEqual(["instrument", "trade", "instrument", "trade"]);
    expect(ticks[0]).toMatchObject({ exchange: "desk", tickSize: "0.1", lotSize: "0.1", inferred: true });
    expect(ticks[1]).toMatchObject({ tradeId: "1", price: "100.10", exchangeTime: before - 1_000 });
    expect(ticks[2]).toMatchObject({ tickSize: "0.001" });
    expect(ticks.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
  });

  it("are received when they came, whatever they say, since log time follows it", async () => {
    const { post, log, clock } = await begin();
    const before = clock();
    await post(line(before - 5_000_000, { receive_time: before + 3_600_000_000 }));
    for (const { receiveTime } of log.ticks()) {
      expect(receiveTime).toBeGreaterThanOrEqual(before);
      expect(receiveTime).toBeLessThanOrEqual(clock());
    }
  });

  it("may be of every kind, and a ticker that carries best prices is a quote too", async () => {
    const { post, log, clock } = await begin();
    const now = clock();
    const instrument = { kind: "instrument", tick_size: "0.05", lot_size: "0.001", symbol: "ETH/USDT" };
    const body = [
      line(now, instrument),
      line(now, { symbol: "ETH/USDT", price: "10.05" }),
      line(now, { kind: "quote", bid_price: "100", bid_qty: "1", ask_price: "101", ask_qty: "2" }),
      line(now, { kind: "ticker", bid_price: "100", ask_price: "101", last_price: "100.5" }),
      line(now, { kind: "depth", is_snapshot: true, update_id: 7, bids: [["100", "1"]], asks: [] }),
      line(now, { kind: "oracle", price: "100.25", confidence: "0.01", round_id: "9" }),
    ].join("\r\n");
    expect((await post(body)).body).toEqual({ accepted: 6, refused: [] });
    const kinds = log
      .ticks()
      .filter(({ symbol }) => symbol === "BTC/USDT")
      .map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind !== "instrument")).toEqual(["quote", "quote", "ticker", "depth", "oracle"]);
    const ether = log.ticks().filter(({ symbol }) => symbol === "ETH/USDT");
    expect(ether.map(({ kind }) => kind)).toEqual(["instrument", "trade"]);
    expect(ether[0]).toMatchObject({ tickSize: "0.05", lotSize: "0.001" });
  });

  it("are not confirmed before the log has them", async () => {
    const { post, log, clock } = await begin({}, { confirmMs: 50 });
    await post(line(clock()));
    const had = log.records.length;
    log.hang();
    const answer = await post(line(clock(), { trade_id: "2" }));
    expect(answer).toMatchObject({ status: 503, retryAfter: "5", body: { code: "TP_INGEST_UNCONFIRMED" } });
    expect(log.records.length).toBe(had);
    log.goOn();
    expect((await post(line(clock(), { trade_id: "2" }))).status).toBe(200);
  });
});

describe("lines that are wrong", () => {
  it("are named with their number and reason, kept as dead letters, and stop no other", async () => {
    const { post, letters, log, clock, dropped } = await begin();
    const now = clock();
    const wrong: [string, string, RegExp][] = [
      ["{nonsense", "unreadable_line", /not JSON/],
      [line(now, { kind: "heartbeat" }), "unreadable_line", /kind/],
      [line(now, { side: "up" }), "unreadable_line", /side/],
      [line(now, { exchange_time: 1_762_795_420 }), "unreadable_line", /µs/],
      [line(now).replace('"100.10"', "0.12345678901234567"), "unreadable_line", /15 digits/],
      [line(now, { exchange: "other" }), "not_allowed", /desk, desk2/],
      [line(now, { exchange: "aggregate" }), "unreadable_line", /aggregate/],
      [line(now, { symbol: "BTC USDT" }), "bad_name", /symbol/],
      [line(now, { symbol: "BTC@X/USDT" }), "bad_name", /written "BTC%40X\/USDT"/],
      [line(now, { symbol: "X".repeat(65) }), "bad_name", /at most 64/],
      [line(now, { symbol: "A\u202eB/USDT" }), "bad_name", /%E2%80%AE/],
      [line(now, { symbol: "e\u0301/USDT" }), "bad_name", /written "é\/USDT"/],
      [line(now).replace("BTC/USDT", "A\\ud83d/USDT"), "bad_name", /surrogate/],
      [line(now, { trade_id: "x".repeat(65) }), "bad_id", /trade_id/],
      [line(now, { trade_id: "1\n2" }), "bad_id", /trade_id/],
      [line(now, { retracts: " " }), "bad_id", /retracts/],
      [line(now, { kind: "oracle", price: "1", round_id: "数" }), "bad_id", /round_id/],
      [line(now, { kind: "depth", update_id: -5, bids: [], asks: [] }), "bad_id", /update_id/],
      [line(now, { kind: "depth", status: "stale", reason: "<b>" }), "bad_id", /reason/],
      [line(now, { kind: "depth", is_snapshot: true, part: 0, parts: 5_000 }), "malformed", /parts/],
      [line(now, { kind: "instrument", tick_size: "1", lot_size: "1", status: "open" }), "malformed", /status/],
      [line(now, { kind: "instrument", tick_size: "1", lot_size: "1", base: "A B" }), "bad_name", /base/],
      [line(now, { kind: "instrument", tick_size: "1", lot_size: "1", native_id: "\t" }), "bad_id", /native_id/],
      [line(now - 3_000_000_000_000, { backfilled: true }), "too_old", /limit/],
      [line(now - 3_000_000_000_000, { kind: "oracle", price: "1" }), "too_old", /limit/],
      [line(now, { price: "12,5" }), "malformed", /price/],
      [line(now, { qty: "0" }), "not_positive", /qty/],
      [line(now, { price: "-1" }), "not_positive", /price/],
      [line(now, { price: "0.1234567890123456789" }), "out_of_range", /18 decimals/],
      [line(now, { price: "9".repeat(39) }), "out_of_range", /38 digits/],
      [line(now + 60_000_000), "from_the_future", /tolerance/],
      [line(now - 200_000_000_000), "too_old", /limit/],
      [line(now, { kind: "quote", bid_price: "2", ask_price: "1", bid_qty: "1", ask_qty: "1" }), "crossed", /above/],
      [line(now, { kind: "depth", bids: [["1", "-1"]] }), "not_positive", /bids: qty/],
      [line(now, { kind: "oracle", price: "0" }), "not_positive", /price/],
      [line(now, { kind: "instrument", tick_size: "0", lot_size: "1" }), "not_positive", /tick_size/],
    ];
    const body = ["", line(now), ...wrong.map(([text]) => text), line(now, { trade_id: "2" })].join("\n");
    const answer = await post(body);
    expect(answer.status).toBe(200);
    expect(answer.body.accepted).toBe(2);
    expect(answer.body.refused.map(({ line: number, reason }) => [number, reason])).toEqual(
      wrong.map(([, reason], index) => [index + 3, reason]),
    );
    for (const [index, [, , detail]] of wrong.entries()) expect(answer.body.refused[index]!.detail).toMatch(detail);
    expect(log.ticks().filter(({ kind }) => kind !== "instrument")).toHaveLength(2);
    expect(letters.map(({ original, reason }) => [original, reason])).toEqual(wrong.map(([text, why]) => [text, why]));
    expect(await dropped("not_positive")).toBe(5);
  });

  it("old trades are taken when they are said to be back-filled", async () => {
    const { post, clock } = await begin();
    const answer = await post(line(clock() - 200_000_000_000, { backfilled: true }));
    expect(answer).toMatchObject({ status: 200, body: { accepted: 1 } });
  });

  it("answer 422 when none is right", async () => {
    const { post } = await begin();
    expect(await post("{}\n[]\n")).toMatchObject({ status: 422, body: { accepted: 0, refused: [{}, {}] } });
  });

  it("of one market too many are refused", async () => {
    const { post, clock } = await begin({ maxMarkets: 2 });
    const now = clock();
    const lines = ["A/B", "C/D", "E/F", "A/B"].map((symbol, id) => line(now, { symbol, trade_id: String(id) }));
    const { body } = await post(lines.join("\n"));
    expect(body.refused).toMatchObject([{ line: 3, reason: "too_many_markets" }]);
  });

  it("of one key's market too many are refused, and leave the places of others alone", async () => {
    const { post, clock } = await begin({ maxMarketsPerKey: 2, maxMarkets: 3 });
    const now = clock();
    const lines = ["A/B", "C/D", "E/F", "A/B"].map((symbol, id) => line(now, { symbol, trade_id: String(id) }));
    const { body } = await post(lines.join("\n"));
    expect(body.refused).toMatchObject([{ line: 3, reason: "too_many_markets" }]);
    expect(body.refused[0]!.detail).toContain("maxMarketsPerKey");
    const other = { authorization: `Bearer ${key}-other` };
    expect((await post(line(now, { exchange: "other" }), other)).body.accepted).toBe(1);
  });

  it("that the buffer has no room for are not taken", async () => {
    const { post, log, clock } = await begin({}, { maxTicks: 10, confirmMs: 100 });
    log.hang();
    const lines = Array.from({ length: 30 }, (_, id) => line(clock(), { trade_id: String(id) }));
    expect((await post(lines.join("\n"))).body.code).toBe("TP_INGEST_UNCONFIRMED");
    log.goOn();
    await expect.poll(() => log.ticks().filter(({ kind }) => kind === "trade").length).toBe(9);
  });
});

describe("requests that are refused as a whole", () => {
  it.each([
    ["no key", { authorization: "" }],
    ["a wrong key", { authorization: "Bearer a-key-of-sixteen-letters-or-les" }],
    ["another scheme", { authorization: `Basic ${key}` }],
  ])("%s", async (_what, headers) => {
    const { post, log, clock } = await begin();
    expect(await post(line(clock()), headers)).toMatchObject({ status: 401, body: { code: "TP_INGEST_KEY" } });
    expect(log.records).toEqual([]);
  });

  it("another content type, bytes that are not UTF-8, and nothing at all", async () => {
    const { post, clock } = await begin();
    const form = { "content-type": "application/x-www-form-urlencoded" };
    expect(await post(line(clock()), form)).toMatchObject({ status: 415, body: { code: "TP_INGEST_MEDIA" } });
    const latin = Uint8Array.from([0x7b, 0xe9, 0x7d]);
    expect(await post(latin)).toMatchObject({ status: 400, body: { code: "TP_INGEST_NOT_TEXT" } });
    expect(await post("\n \r\n")).toMatchObject({ status: 400, body: { code: "TP_INGEST_EMPTY" } });
  });

  it("too many bytes, too many lines: none is taken", async () => {
    const { post, log, clock } = await begin({ maxBytes: 1_024, maxLines: 3 });
    const one = line(clock());
    expect(await post("x".repeat(1_025))).toMatchObject({ status: 413, body: { code: "TP_INGEST_TOO_LARGE" } });
    expect(await post(`${one}\n`.repeat(4))).toMatchObject({ status: 413, body: { code: "TP_INGEST_TOO_MANY_LINES" } });
    expect(log.records).toEqual([]);
    expect((await post(`${one}\n`.repeat(3))).status).toBe(200);
  });

  it("more lines than the rate: the answer says when to come again, and another key is not slowed", async () => {
    const { post, clock, dropped } = await begin({ linesPerSecond: 2, maxLines: 4 });
    const body = Array.from({ length: 4 }, (_, id) => line(clock(), { trade_id: String(id) })).join("\n");
    expect((await post(body)).status).toBe(200);
    const refused = await post(body);
    expect(refused).toMatchObject({ status: 429, retryAfter: "2", body: { code: "TP_INGEST_RATE" } });
    expect(await dropped("ingest_rate")).toBe(1);
    const other = { authorization: `Bearer ${key}-other` };
    expect((await post(line(clock(), { exchange: "other" }), other)).status).toBe(200);
  });

  it("more requests at a time than may be, of which those that were broken off are not counted", async () => {
    const { post, log, clock, url } = await begin({ maxRequests: 1 });
    const broken = request(`${url}/v1/ingest`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/x-ndjson", "content-length": "100" },
    });
    broken.on("error", () => {});
    broken.write("{");
    await expect.poll(async () => (await post(line(clock()))).status).toBe(503);
    broken.destroy();
    await expect.poll(async () => (await post(line(clock()))).status).toBe(200);
    log.hang();
    const slow = post(line(clock(), { trade_id: "2" }));
    await expect.poll(async () => (await post(line(clock()))).body.code).toBe("TP_INGEST_BUSY");
    log.goOn();
    expect((await slow).status).toBe(200);
  });
});

it("describes itself", async () => {
  const { url } = await begin();
  const description = await (await fetch(`${url}/openapi.json`)).json();
  const content = { "application/x-ndjson": { schema: { type: "string" } } };
  const statuses = { 200: {}, 400: {}, 401: {}, 413: {}, 415: {}, 422: {}, 429: {}, 503: {} };
  expect(description).toMatchObject({
    paths: { "/v1/ingest": { post: { requestBody: { content }, responses: statuses } } },
  });
});
