import { afterEach, describe, expect, it } from "vitest";
import { partitionOf } from "../../infra/log/partitioner.js";
import { createLogger } from "../../infra/logging.js";
import { Metrics } from "../../infra/metrics.js";
import { type Hole, heartbeatOf, Publisher, type PublisherOptions } from "../../ingest/publisher.js";
import type { DepthTick, TradeTick } from "../../schemas/ticks.js";
import { GatedLog } from "./gated-log.js";
import { instrument } from "./recorded-frames.js";

const logger = createLogger({ level: "silent" });
let open: Publisher[] = [];

function publisherOn(log: GatedLog, options: Partial<PublisherOptions> = {}) {
  const metrics = new Metrics();
  const publisher = new Publisher({ log: log.port, schemaId: 7, session: "s", metrics, logger, ...options });
  open.push(publisher);
  const dropped = async (reason: string) =>
    (await metrics.dropped.get()).values.find((value) => value.labels.reason === reason)?.value ?? 0;
  return { publisher, metrics, dropped };
}

afterEach(async () => {
  await Promise.all(open.map((publisher) => publisher.close(100)));
  open = [];
});

function trade(symbol: string, id: number): TradeTick {
  return {
    kind: "trade",
    exchange: "binance",
    symbol,
    exchangeTime: id,
    receiveTime: 1_000 + id,
    tradeId: `${id}`,
    price: "1.5",
    qty: "2",
    side: "buy",
  };
}

function depth(symbol: string, id: number): DepthTick {
  return {
    kind: "depth",
    exchange: "binance",
    symbol,
    exchangeTime: id,
    receiveTime: 1_000 + id,
    action: "increment",
    firstUpdateId: id,
    updateId: id,
    bids: [["1.5", "2"]],
    asks: [],
  };
}

describe("publisher", () => {
  it("puts a symbol's ticks into its partition, in order, numbered in one session", async () => {
    const log = new GatedLog(4);
    const { publisher } = publisherOn(log);
    const symbols = ["BTC/USDT", "ETH/USDT", "SOL/USDT"];
    for (let id = 0; id < 300; id++) publisher.publish(trade(symbols[id % 3]!, id));
    await publisher.flushed();
    for (const symbol of symbols) {
      const ticks = log.ticks(partitionOf(symbol, 4)).filter((tick) => tick.symbol === symbol);
      expect(ticks.map((tick) => (tick as TradeTick).tradeId)).toHaveLength(100);
      expect(ticks).toEqual([...ticks].sort((a, b) => a.number - b.number));
    }
    expect(new Set(log.ticks().map((tick) => tick.number))).toEqual(
      new Set(Array.from({ length: 300 }, (_, i) => i + 1)),
    );
    expect(new Set(log.batches().map((batch) => batch.session))).toEqual(new Set(["s"]));
    expect(log.batches().every((batch) => batch.ticks.length <= 100)).toBe(true);
    expect([...log.records[0]!.value!.subarray(0, 5)]).toEqual([0, 0, 0, 0, 7]);
  });

  it("sends a lone tick at once, and one request at a time into a partition", async () => {
    const log = new GatedLog(1);
    const { publisher } = publisherOn(log, { lingerMs: 10_000 });
    publisher.publish(trade("BTC/USDT", 1));
    await publisher.flushed();
    expect(log.batches().map((batch) => batch.ticks.length)).toEqual([1]);
    log.hang();
    for (let id = 2; id < 502; id++) publisher.publish(trade("BTC/USDT", id));
    log.goOn();
    await publisher.flushed();
    expect(log.mostInFlight).toBe(1);
    expect(log.ticks().map((tick) => (tick as TradeTick).tradeId)).toEqual(
      Array.from({ length: 501 }, (_, i) => `${i + 1}`),
    );
    expect(log.batches()).toHaveLength(6);
  });

  it("a hanging log: nothing grows, drops are counted by kind, and the books say that they have a hole", async () => {
    const log = new GatedLog(2);
    const holes: Hole[] = [];
    const { publisher, dropped, metrics } = publisherOn(log, { maxTicks: 100, onHole: (hole) => holes.push(hole) });
    log.hang();
    for (let id = 0; id < 100; id++) expect(publisher.publish(trade("BTC/USDT", id))).toBe(true);
    for (let id = 100; id < 1_000; id++) expect(publisher.publish(depth("ETH/USDT", id))).toBe(false);
    for (let id = 100; id < 110; id++) expect(publisher.publish(trade("BTC/USDT", id))).toBe(false);
    const governing = { ...instrument("binance", "ETH/USDT", "ETHUSDT"), tickSize: "0.1" };
    publisher.publish(governing);
    publisher.publish({ ...governing, tickSize: "0.2" });
    expect(publisher.buffered).toBe(100);
    expect(publisher.heartbeat(heartbeatOf([], 5_000))).toBe(false);
    log.goOn();
    await publisher.room();
    await publisher.flushed();
    expect(await dropped("buffer_full_depth")).toBe(900);
    expect(await dropped("buffer_full_trade")).toBe(10);
    expect(await dropped("heartbeat")).toBe(2);
    const sent = (await metrics.producerMessages.get()).values;
    expect(sent.find(({ labels }) => labels.status === "dropped")?.value).toBe(910);
    expect(log.ticks().filter((tick) => tick.kind === "trade")).toHaveLength(100);
    const ofBook = log.ticks().filter((tick) => tick.symbol === "ETH/USDT");
    expect(ofBook).toMatchObject([
      { kind: "instrument", tickSize: "0.2" },
      { kind: "depth", action: "gap", reason: "dropped", receiveTime: 1_999 },
    ]);
    expect(holes).toMatchObject([
      { kind: "depth", symbol: "ETH/USDT", since: 1_100, until: 1_999 },
      { kind: "trade", symbol: "BTC/USDT" },
    ]);
  });

  it("no increment follows a hole before its gap", async () => {
    const log = new GatedLog(1);
    const { publisher } = publisherOn(log, { maxTicks: 10 });
    log.hang();
    for (let id = 0; id < 12; id++) publisher.publish(depth("BTC/USDT", id));
    log.goOn();
    while (!log.ticks().some((tick) => tick.kind === "depth" && tick.action === "gap")) await publisher.flushed();
    publisher.publish(depth("BTC/USDT", 12));
    await publisher.flushed();
    const actions = log.ticks().map((tick) => (tick.kind === "depth" ? `${tick.action} ${tick.updateId}` : ""));
    expect(actions).toEqual([...Array.from({ length: 10 }, (_, id) => `increment ${id}`), "gap 0", "increment 12"]);
  });

  it("without a lease a book that answers its hole with a snapshot waits until there is one again", async () => {
    const log = new GatedLog(1);
    let isOwner = true;
    let asked = 0;
    const book = publisherOn(log, {
      mayPublish: () => isOwner,
      onHole: () => {
        asked++;
        book.publisher.publish({ ...depth("BTC/USDT", 100 + asked), action: "snapshot" });
      },
    });
    const { publisher, dropped } = book;
    log.hang();
    for (let id = 0; id < 250; id++) publisher.publish(depth("BTC/USDT", id));
    isOwner = false;
    expect(publisher.publish(depth("BTC/USDT", 250))).toBe(false);
    log.goOn();
    await publisher.flushed();
    expect(asked).toBe(0);
    expect(await dropped("no_lease_depth")).toBe(1);
    isOwner = true;
    publisher.publish(trade("BTC/USDT", 1));
    while (asked === 0) await publisher.flushed();
    await publisher.flushed();
    expect(asked).toBe(1);
    const actions = log.ticks().flatMap((tick) => (tick.kind === "depth" ? tick.action : []));
    expect(actions.slice(-2)).toEqual(["gap", "snapshot"]);
  });

  it("a book that answers its hole with a snapshot does not hold the close up", async () => {
    const log = new GatedLog(1);
    const { publisher, dropped } = publisherOn(log, {
      maxTicks: 10,
      onHole: (hole) => void publisher.publish({ ...depth(hole.symbol, 100), action: "snapshot" }),
    });
    log.hang();
    for (let id = 0; id < 12; id++) publisher.publish(depth("BTC/USDT", id));
    const closing = publisher.close();
    log.goOn();
    await closing;
    expect(await dropped("closed_depth")).toBe(0);
  });

  it("a refusing log: the batch is kept and retried in order, nothing is lost or doubled", async () => {
    const log = new GatedLog(1);
    const { publisher, metrics } = publisherOn(log);
    log.refuse = new Error("disk full");
    for (let id = 0; id < 250; id++) publisher.publish(trade("BTC/USDT", id));
    const errors = async () =>
      (await metrics.producerMessages.get()).values.find(({ labels }) => labels.status === "error")!.value;
    while ((await errors()) === 0) await new Promise(setImmediate);
    log.refuse = undefined;
    await publisher.flushed();
    expect(log.ticks().map((tick) => tick.number)).toEqual(Array.from({ length: 250 }, (_, i) => i + 1));
  });

  it("closing a log that hangs ends in bounded time and counts what is lost", async () => {
    const log = new GatedLog(1);
    const { publisher, dropped } = publisherOn(log);
    log.hang();
    publisher.publish(trade("BTC/USDT", 1));
    await publisher.close(50);
    expect(await dropped("closed")).toBe(1);
    expect(publisher.publish(trade("BTC/USDT", 2))).toBe(false);
    log.goOn();
  });

  it("every heartbeat of a recording goes into every partition, also while others wait", async () => {
    const log = new GatedLog(3);
    const { publisher, dropped } = publisherOn(log);
    log.hang();
    for (let beat = 1; beat <= 20; beat++) expect(publisher.publish(heartbeatOf([], beat))).toBe(true);
    log.goOn();
    await publisher.flushed();
    expect(log.ticks()).toHaveLength(60);
    expect(await dropped("heartbeat")).toBe(0);
  });

  it("a heartbeat goes into every partition", async () => {
    const log = new GatedLog(3);
    const { publisher } = publisherOn(log);
    const feeds = [{ exchange: "binance", feed: "market-1", connected: true, since: 3 }];
    publisher.heartbeat(heartbeatOf(feeds, 9_000));
    await publisher.flushed();
    for (let partition = 0; partition < 3; partition++) {
      expect(log.ticks(partition)).toMatchObject([{ kind: "heartbeat", feeds, receiveTime: 9_000 }]);
    }
  });
});

describe("confirmed", () => {
  it("waits for what was published before, not for what comes after", async () => {
    const log = new GatedLog(2);
    const { publisher } = publisherOn(log);
    expect(await publisher.confirmed()).toBe(true);
    log.hang();
    publisher.publish(trade("BTC/USDT", 1));
    let answer: boolean | undefined;
    const asked = publisher.confirmed().then((inLog) => {
      answer = inLog;
    });
    await new Promise(setImmediate);
    publisher.publish(trade("BTC/USDT", 2));
    expect(answer).toBeUndefined();
    log.goOn();
    await asked;
    expect(answer).toBe(true);
    // the queue need not be idle
    for (let id = 3; id < 2_000; id++) publisher.publish(trade("BTC/USDT", id));
    expect(await publisher.confirmed()).toBe(true);
    expect(log.ticks().map(({ number }) => number)).toEqual(Array.from({ length: 1_999 }, (_, index) => index + 1));
  });

  it("says when some of it was given up: the lease is gone, or the publisher closes", async () => {
    const log = new GatedLog(1);
    let mine = true;
    const { publisher } = publisherOn(log, { mayPublish: () => mine });
    log.refuse = new Error("no broker");
    publisher.publish(trade("BTC/USDT", 1));
    const first = publisher.confirmed();
    mine = false;
    expect(await first).toBe(false);
    mine = true;
    publisher.publish(trade("BTC/USDT", 2));
    const second = publisher.confirmed();
    await publisher.close(10);
    expect(await second).toBe(false);
    log.refuse = undefined;
  });

  it("numbers that a source gives rise, and those after them go on", async () => {
    const log = new GatedLog(1);
    const { publisher } = publisherOn(log);
    publisher.publish(trade("BTC/USDT", 1), 4_096);
    publisher.publish(trade("BTC/USDT", 2), 2 ** 52);
    publisher.publish(trade("BTC/USDT", 3));
    expect(await publisher.confirmed()).toBe(true);
    expect(log.ticks().map(({ number }) => number)).toEqual([4_096, 2 ** 52, 2 ** 52 + 1]);
  });
});
