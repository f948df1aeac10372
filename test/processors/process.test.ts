import { afterEach, beforeEach, expect, test } from "vitest";
import { EmbeddedBus } from "../../infra/bus/embedded-bus.js";
import { LogFull } from "../../infra/log/errors.js";
import type { Log, LogRecord } from "../../infra/log/log.js";
import { Metrics } from "../../infra/metrics.js";
import { runProcess } from "../../processors/process.js";
import type { RawTick } from "../../schemas/ticks.js";
import { logFolder, silent } from "../infra/log-folder.js";
import { instrument, SECOND, START, snapshot, trade } from "./market-ticks.js";
import { codecs, onePartition, recordsOf } from "./task-rig.js";

let folder: Awaited<ReturnType<typeof logFolder>>;
let log: Log;
beforeEach(async () => {
  folder = await logFolder();
  log = await folder.open();
  const outputs = ["market.trade", "market.ticker", "market.depth", "market.kline", "market.dlq"];
  const topics = ["market.raw", "index.input", ...outputs];
  await log.createTopics(topics.map((name) => ({ name, partitions: 1, cleanup: "delete" as const })));
  await log.createTopics([{ name: "plant.state", partitions: 1, cleanup: "compact" }]);
});
afterEach(() => folder.cleanup());

/** The real log with a fault on the way to it. */
function faulty(faults: {
  append?: (records: readonly LogRecord[]) => Promise<void>;
  write?: () => Promise<void>;
}): Log {
  return new Proxy(log, {
    get(target, name) {
      if (name === "append") {
        return async (records: readonly LogRecord[]) => {
          await faults.append?.(records);
          await target.append(records);
        };
      }
      if (name === "transactions") {
        return async (writer: string) => {
          const real = await target.transactions(writer);
          return {
            close: () => real.close(),
            write: async (...given: Parameters<typeof real.write>) => {
              await faults.write?.();
              await real.write(...given);
            },
          };
        };
      }
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const run = (through: Log, checkpointMs: number) =>
  runProcess({
    ...{ log: through, bus: new EmbeddedBus(), codecs, settings: onePartition, checkpointMs },
    ...{ metrics: new Metrics(), logger: silent },
  });

async function publish(session: string, ...ticks: RawTick[]): Promise<void> {
  const records = recordsOf(ticks, 1, session);
  await log.append(records.map((value) => ({ topic: "market.raw", partition: 0, key: null, value, timestamp: START })));
}

const read = async (topic: string) => (await log.read(topic, 0, 0, 10_000_000)).filter(({ value }) => value !== null);
const trades = async () =>
  (await read("market.trade")).map(({ value }) => {
    const { trade_id, sequence_num } = codecs["market.trade"].decode(value!);
    return `${trade_id} ${sequence_num}`;
  });
const drained = (processing: Awaited<ReturnType<typeof run>>) =>
  expect.poll(() => processing.lag(), { timeout: 20_000, interval: 5 }).toBe(0);

test("no checkpoint stands for records whose outputs are not in the log yet", async () => {
  const seen: string[] = [];
  let opened = () => {};
  const gate = new Promise<void>((resolve) => {
    opened = resolve;
  });
  let holding = () => {};
  const held = new Promise<void>((resolve) => {
    holding = resolve;
  });
  const through = faulty({
    append: async (records) => {
      if (!records.some(({ topic }) => topic === "market.trade")) return;
      seen.push("outputs held");
      holding();
      await gate;
      seen.push("outputs go");
    },
    write: async () => void seen.push("checkpoint"),
  });
  const processing = await run(through, 1);
  // a first record sets the timer of the checkpoint, which falls due while the outputs of the next are on their way
  await publish("one", instrument(START));
  await publish("two", trade(1, START));
  await held;
  const before = seen.length;
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(seen.slice(before)).toEqual([]);
  opened();
  await drained(processing);
  await processing.stop();
  expect(seen.slice(before)[0]).toBe("outputs go");
  expect(seen.at(-1)).toBe("checkpoint");
});

test("what a failed checkpoint held goes with the next one, and nothing is doubled or lost", async () => {
  let failures = 1;
  const write = async () => {
    if (failures-- > 0) throw new LogFull("plant.state/0", "no room");
  };
  const first = await run(faulty({ write }), 1);
  await publish("one", instrument(START), trade(1, START), trade(2, START));
  await drained(first);
  await expect.poll(async () => failures, { interval: 5 }).toBeLessThan(0);
  // the book of ids was in the failed one; nothing touches it again before the stop
  await first.stop();
  const second = await run(log, 60_000);
  await publish("two", trade(2, START + SECOND), trade(3, START + SECOND));
  await drained(second);
  await second.stop();
  expect(await trades()).toEqual(["1 1", "2 2", "3 3"]);
  const letters = (await read("market.dlq")).map(({ value }) => codecs["market.dlq"].decode(value!).reason);
  expect(letters).toEqual(["duplicate"]);
});

test("outputs wait while the log is full and go on when there is room", async () => {
  let failures = 2;
  const append = async () => {
    if (failures-- > 0) throw new LogFull("market.trade/0", "no room");
  };
  const processing = await run(faulty({ append }), 60_000);
  await publish("one", instrument(START), trade(1, START), trade(2, START));
  await drained(processing);
  await processing.stop();
  expect(await trades()).toEqual(["1 1", "2 2"]);
});

test("a stop without new records leaves the position where it was", async () => {
  await publish("one", instrument(START), trade(1, START));
  for (let round = 0; round < 3; round++) {
    const processing = await run(log, 60_000);
    await drained(processing);
    await processing.stop();
  }
  expect(await trades()).toEqual(["1 1"]);
});

test("work goes on while a checkpoint is on its way, which stands for what was done before it", async () => {
  let arrived = () => {};
  const reached = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let writes = 0;
  const through = faulty({
    write: async () => {
      if (++writes > 1) return;
      arrived();
      await gate;
    },
  });
  await publish("first", instrument(START), trade(1, START));
  const processing = await run(through, 1);
  await reached;
  await publish("second", trade(2, START + SECOND));
  await expect.poll(trades, { timeout: 20_000, interval: 5 }).toEqual(["1 1", "2 2"]);
  expect(await read("plant.state")).toEqual([]);
  open();
  await drained(processing);
  await processing.stop();

  const again = await run(log, 60_000);
  await publish("third", trade(3, START + 2 * SECOND));
  await expect.poll(trades, { timeout: 20_000, interval: 5 }).toEqual(["1 1", "2 2", "3 3"]);
  await again.stop();
});

test("messages reach the bus while the log does not answer, and no more input is taken than may wait", async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const through = faulty({ append: () => gate });
  const bus = new EmbeddedBus();
  const ticks = Array.from({ length: 18_000 }, (_, at) => trade(at + 1, START + at));
  await publish("many", instrument(START), ...ticks.slice(0, 12_000));
  await publish("more", ...ticks.slice(12_000));
  const processing = await runProcess({
    ...{ log: through, bus, codecs, settings: onePartition, checkpointMs: 60_000 },
    ...{ metrics: new Metrics(), logger: silent },
  });
  const { symbol, exchange } = ticks[0]!;
  const newest = async () => (await bus.last(`trade:${symbol}@${exchange}`))?.sequence ?? 0;
  await expect.poll(newest, { timeout: 20_000, interval: 5 }).toBeGreaterThan(6_000);
  expect(await newest()).toBeLessThan(12_000);
  expect(await trades()).toEqual([]);
  open();
  await drained(processing);
  expect(await trades()).toHaveLength(18_000);
  await processing.stop();
});

test("a task whose outputs the log does not take leaves its turn to the others", async () => {
  await log.createTopics([{ name: "market.raw", partitions: 2, cleanup: "delete" }]);
  await log.createTopics([{ name: "plant.state", partitions: 2, cleanup: "compact" }]);
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const refused = new Set(["BTC/USDT"]);
  const append = async (records: readonly LogRecord[]) => {
    if (records.some(({ key }) => refused.has(key ?? ""))) await gate;
  };
  const many = Array.from({ length: 12_000 }, (_, at) => trade(at + 1, START + at));
  await publish("many", instrument(START), ...many);
  const processing = await run(faulty({ append }), 60_000);
  const other = { symbol: "ETH/USDT" };
  const few = recordsOf([instrument(START, other), trade("of the other", START, other)], 1, "few");
  await log.append(few.map((value) => ({ topic: "market.raw", partition: 1, key: null, value, timestamp: START })));
  await expect.poll(trades, { timeout: 20_000, interval: 5 }).toEqual(["of the other 1"]);
  open();
  await drained(processing);
  expect(await trades()).toHaveLength(12_001);
  await processing.stop();
});

test("a checkpoint that can not be written ends the processing, though no more input comes", async () => {
  const lost = new Error("the writer is gone");
  let failures = 1;
  const write = async () => {
    if (failures-- > 0) throw lost;
  };
  const processing = await run(faulty({ write }), 1);
  await publish("one", instrument(START), trade(1, START));
  await expect(processing.failed).rejects.toBe(lost);
  await processing.stop();
});

test("the metrics show a task's books as long as it has them", async () => {
  const metrics = new Metrics();
  const processing = await runProcess({
    ...{ log, bus: new EmbeddedBus(), codecs, settings: onePartition, checkpointMs: 60_000 },
    ...{ metrics, logger: silent },
  });
  await publish("one", instrument(START), snapshot(START, 1, [["100", "1"]], [["101", "1"]]));
  const shown = async () => (await metrics.bookLive.get()).values.map(({ value, labels }) => [labels.symbol, value]);
  await expect.poll(shown, { timeout: 20_000, interval: 5 }).toEqual([["BTC/USDT", 1]]);
  await processing.stop();
  expect(await shown()).toEqual([]);
});
