import { expect, test } from "vitest";
import { Turns } from "../../processors/task/turns.js";

test("a turn begins when all that were asked for before have ended, however often one is ended", async () => {
  const turns = new Turns();
  const seen: string[] = [];
  const first = await turns.begin();
  const second = turns.begin().then((turn) => {
    seen.push("second begins");
    return turn;
  });
  const third = turns.begin().then((turn) => {
    seen.push("third begins");
    return turn;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual([]);
  first.end();
  first.end();
  const ended = await second;
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual(["second begins"]);
  ended.end();
  (await third).end();
  expect(seen).toEqual(["second begins", "third begins"]);
  (await turns.begin()).end();
});
