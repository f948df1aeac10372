import { expect, test } from "vitest";
import type { RawTick } from "../../schemas/ticks.js";
import { increment, instrument, SECOND, START, snapshot } from "./market-ticks.js";
import { onePartition, TaskRig } from "./task-rig.js";

const first = snapshot(START, 10, [["99", "1"]], [["101", "1"]]);
const up = (id: number, more = {}) => increment(START + id, id, [["98", `${id}`]], [], more);

/** Status, reason and last id of each message of the venue's book. */
function storyOf(...ticks: RawTick[]) {
  const rig = new TaskRig(onePartition, false).take(instrument(), ...ticks);
  const depths = rig.of("market.depth").filter(({ exchange }) => exchange === "binance");
  return depths.map(({ status, reason, update_id }) => `${status} ${update_id}${reason === null ? "" : ` ${reason}`}`);
}

test("increments that follow are sent on one for one, ones that are contained are not", () => {
  expect(storyOf(first, up(9), up(10), up(11), up(12))).toEqual(["live 10", "live 11", "live 12"]);
  expect(storyOf(first, up(12, { firstUpdateId: 8 }), up(13))).toEqual(["live 10", "live 12", "live 13"]);
});

test("a hole makes the book stale, once, until the next snapshot", () => {
  const story = storyOf(first, up(12), up(13), up(14), { ...first, updateId: 20 }, up(21));
  expect(story).toEqual(["live 10", "stale 12 sequence_gap", "live 20", "live 21"]);
});

test("where the venue says what an update follows, that decides", () => {
  const follows = (id: number, previous: number) => up(id, { firstUpdateId: id, previousUpdateId: previous });
  expect(storyOf(first, follows(30, 10), follows(40, 30))).toEqual(["live 10", "live 30", "live 40"]);
  expect(storyOf(first, follows(11, 9))).toEqual(["live 10", "live 11"]);
  expect(storyOf(first, follows(11, 10), follows(13, 12))).toEqual(["live 10", "live 11", "stale 13 sequence_gap"]);
});

test("of venues that say it, an update that ends at the snapshot's id counts once: the snapshot may be without it", () => {
  const atId = up(10, { firstUpdateId: 5, previousUpdateId: 4 });
  const later = up(12, { firstUpdateId: 11, previousUpdateId: 10 });
  expect(storyOf(first, atId, atId, later, atId)).toEqual(["live 10", "live 10", "live 12"]);
  expect(storyOf(first, later, atId)).toEqual(["live 10", "live 12"]);
  expect(storyOf(first, up(10, { firstUpdateId: 5 }), up(11))).toEqual(["live 10", "live 11"]);
});

test("a book that crosses is stale: the venue would not have it so", () => {
  expect(storyOf(first, up(11, { bids: [["101", "1"]] }), up(12))).toEqual(["live 10", "stale 11 crossed"]);
  expect(storyOf(snapshot(START, 10, [["101", "1"]], [["101", "1"]]))).toEqual(["stale 10 crossed"]);
});

test("a book that is crossed no more is live again, whole, if its ids went on unbroken meanwhile", () => {
  const crossing = up(11, { bids: [["102", "1"]] });
  const back = up(13, { bids: [["102", "0"]] });
  expect(storyOf(first, crossing, up(12), back, up(14))).toEqual(["live 10", "stale 11 crossed", "live 13", "live 14"]);
  expect(storyOf(first, crossing, up(13), up(14, { bids: [["102", "0"]] }))).toEqual([
    "live 10",
    "stale 11 crossed",
    "stale 13 sequence_gap",
  ]);
  const crossed = snapshot(START, 10, [["101", "1"]], [["101", "1"]]);
  expect(storyOf(crossed, up(11, { bids: [["101", "0"]] }))).toEqual(["stale 10 crossed", "live 11"]);
  const rig = new TaskRig(onePartition, false).take(instrument(), first, crossing, up(12), back);
  expect(
    rig
      .of("market.depth")
      .filter(({ exchange }) => exchange === "binance")
      .at(-1),
  ).toMatchObject({
    is_snapshot: true,
    bids: [
      ["99", "1"],
      ["98", "12"],
    ],
  });
});

test("a snapshot in parts counts when its last part is there, and not when one is missing", () => {
  const part = (n: number, price: string) =>
    snapshot(START, 10, [[price, "1"]], n === 0 ? [["101", "1"]] : [], { part: n, parts: 3 });
  expect(storyOf(part(0, "99"), part(1, "98"))).toEqual([]);
  expect(storyOf(part(0, "99"), part(1, "98"), part(2, "97"), up(11))).toEqual(["live 10", "live 11"]);
  expect(storyOf(part(0, "99"), part(2, "97"), up(11))).toEqual(["stale 0 snapshot_incomplete"]);
});

test("a gap from ingest is told with its reason, whatever that says", () => {
  const gap = (reason: string) => increment(START + SECOND, 12, [], [], { action: "gap", reason });
  expect(storyOf(first, gap("reconnect"), up(13))).toEqual(["live 10", "stale 12 reconnect"]);
  expect(storyOf(first, gap("écarté"))).toEqual(["live 10", "stale 12 écarté"]);
  expect(storyOf(gap("dropped"), gap("dropped"))).toEqual(["stale 12 dropped"]);
});
