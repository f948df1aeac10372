import { afterEach, describe, expect, it } from "vitest";
import { BookFeed } from "../../ingest/book-feed.js";
import { TradeIds } from "../../ingest/trade-ids.js";
import { BinanceBookSequence } from "../../ingest/venues/binance/sequence.js";
import { venueOf } from "../../ingest/venues/index.js";
import type { DepthTick, RawTick } from "../../schemas/ticks.js";
import { increment, instrument, SECOND, START, snapshot } from "../processors/market-ticks.js";
import { onePartition, TaskRig } from "../processors/task-rig.js";
import { liveRig, until } from "./live-rig.js";
import { MoodyExchange } from "./moody-exchange.js";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const at = (n: number) => START + n * SECOND;
const first = snapshot(at(0), 1_000, [["99", "1"]], [["101", "1"]]);
const update = (n: number, id: number) => increment(at(n), id, [["99", String(n)]], []);
/** [action, id, reason] of what is published, and how often a snapshot is asked for. */
function fed(...ticks: DepthTick[]) {
  const out: (string | number | undefined)[][] = [];
  let asked = 0;
  const feed = new BookFeed(
    new BinanceBookSequence(),
    (tick: RawTick) => tick.kind === "depth" && out.push([tick.action, tick.updateId, tick.reason]),
    () => asked++,
  );
  for (const tick of ticks) feed.depth(tick);
  return { out, asked: () => asked, feed };
}
const known = [first, update(1, 1_001), update(2, 1_002)];

describe("a book whose stream begins anew without a reconnect", () => {
  it("is a gap with the third update in a row that is later and below, and lives again with its next snapshot", () => {
    const anew = [update(3, 1), update(4, 2), update(5, 3), update(6, 4)];
    const { out, feed, asked } = fed(...known);
    const before = asked();
    for (const tick of anew) feed.depth(tick);
    expect(out.slice(3)).toEqual([["gap", 1_002, "ids_begin_again"]]);
    expect([feed.isLive, asked()]).toEqual([false, before + 1]);
    feed.depth(snapshot(at(7), 3, [["99", "5"]], [["101", "1"]]));
    feed.depth(update(8, 5));
    expect(out.slice(4)).toEqual([
      ["snapshot", 3, undefined],
      ["increment", 4, undefined],
      ["increment", 5, undefined],
    ]);
    expect(feed.isLive).toBe(true);
  });

  it.each([
    ["one stray update", [update(3, 5)]],
    ["two, and one that goes on", [update(3, 1), update(4, 2), update(5, 1_003), update(6, 3), update(7, 4)]],
    [
      "repeats of what was applied, however many",
      [update(1, 1_001), update(2, 1_002), update(1, 1_001), update(2, 1_002)],
    ],
    ["late ones of another socket", Array.from({ length: 50 }, (_, n) => update(2 - (50 - n) / 100, 900 + n))],
  ])("is not: %s", (_what, more) => {
    const { out, feed } = fed(...known, ...more);
    expect(out.filter(([action]) => action === "gap")).toEqual([]);
    expect(feed.isLive).toBe(true);
  });

  it("is not: what a snapshot of REST is ahead of, for seconds; but it is what stays behind it", () => {
    const behind = Array.from({ length: 40 }, (_, n) => update(n / 10, 900 + n));
    const { out, feed } = fed(first, ...behind);
    expect(out).toHaveLength(1);
    for (let n = 4; n < 12; n++) feed.depth(update(n, 940 + n));
    expect(out.slice(1)).toEqual([["gap", 1_000, "ids_begin_again"]]);
  });

  it("is stale in the processor, where ticks come without a connector", () => {
    const rig = new TaskRig(onePartition, false).take(instrument(START), ...known, update(3, 1), update(4, 2));
    const books = () => rig.of("market.depth").filter(({ exchange }) => exchange === "binance");
    expect(books().at(-1)).toMatchObject({ status: "live", update_id: 1_002 });
    const state = new Map(rig.task.checkpoint().map(({ key, value }) => [key, value!]));
    const again = new TaskRig(onePartition, false);
    again.task.restore(state);
    again
      .process([], 100)
      .take(update(5, 3), update(6, 4), snapshot(at(7), 4, [["98", "1"]], [["101", "1"]]), update(8, 5));
    const after = again.of("market.depth").filter(({ exchange }) => exchange === "binance");
    expect(after.map(({ status, reason, update_id }) => [status, reason, update_id])).toEqual([
      ["stale", "ids_begin_again", 1_002],
      ["live", null, 4],
      ["live", null, 5],
    ]);
  });
});

describe("trade ids that begin again", () => {
  const seen = (ids: TradeIds, ...all: readonly (readonly [id: number, at: number])[]) => {
    for (const [id, time] of all) ids.seen(`${id}`, time);
  };

  it("are followed from the third in a row on: holes of the new run show, those of the old one are over", () => {
    const ids = new TradeIds();
    seen(ids, [1_000, 1], [1_005, 2], [1, 10], [2, 11], [3, 12]);
    expect(ids.missing).toEqual([]);
    seen(ids, [6, 13]);
    expect(ids.missing).toMatchObject([{ first: 4, last: 5 }]);
  });

  it("are none for a stray repeat, or a history that comes again", () => {
    const ids = new TradeIds();
    seen(ids, [1_000, 1], [1_001, 2], [1_002, 3], [1_000, 1], [1_001, 2], [1_002, 3], [7, 50], [1_006, 60]);
    expect(ids.missing).toMatchObject([{ first: 1_003, last: 1_005 }]);
  });
});

it("a venue that begins all its ids anew amid a connection loses no trade and no book", async () => {
  const exchange = await MoodyExchange.start(["BTC"], 50);
  stops.push(() => exchange.stop());
  const choice = { symbols: ["BTC/USDT"], kinds: ["trade", "quote", "depth"] as const };
  const rig = await liveRig({}, { venues: [{ venue: venueOf("binance", exchange.settings), ...choice }] });
  stops.push(() => rig.stop());
  await until(() => rig.ingest.isReady, "a live book");
  const depth = async () => (await rig.ticks()).filter((tick): tick is DepthTick => tick.kind === "depth");
  await until(async () => (await depth()).filter(({ action }) => action === "increment").length > 3, "updates");
  exchange.beginAgain();
  await until(async () => (await depth()).some(({ reason }) => reason === "ids_begin_again"), "it is told");
  const isNew = ({ action, updateId }: DepthTick) => action !== "gap" && updateId < 100;
  await until(async () => (await depth()).filter(isNew).length > 3, "the book of the new run");
  await until(() => rig.ingest.isReady, "live again");
  expect((await depth()).find(isNew)?.action).toBe("snapshot");
}, 30_000);
