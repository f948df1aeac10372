import { expect, it } from "vitest";
import { seed } from "../../processors/seed.js";
import { lyingRounds } from "./lying-rounds.js";

it("rounds with nodes that lie: no event is lost or doubled, and they are asked at most twice what an honest one is", async () => {
  const { events, questions, honest, lies } = await lyingRounds({ rounds: 6, seed, away: 20 });
  console.info(`${events} events, ${questions} questions where an honest node had ${honest}; lies`, lies);
  expect(events).toBeGreaterThan(20);
  expect(Object.keys(lies).length).toBeGreaterThan(2);
  expect(questions).toBeLessThanOrEqual(2 * honest);
}, 240_000);
