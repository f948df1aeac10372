import { expect, it } from "vitest";
import { lyingRounds } from "../ingest/dex/lying-rounds.js";
import { seed } from "../processors/seed.js";

/** The long form of test/ingest/dex/lying-rounds.test.ts; `TICKPLANT_TORTURE_ROUNDS`, `TEST_SEED`. */
it("a chain's nodes lie for many rounds: no event is lost or doubled", async () => {
  const rounds = Number(process.env.TICKPLANT_TORTURE_ROUNDS ?? 20);
  const { events, questions, honest, lies } = await lyingRounds({ rounds, seed, away: 60 });
  console.info(`| rounds | events | questions | of an honest node | times | lies |`);
  console.info(
    `| ${[rounds, events, questions, honest, (questions / honest).toFixed(2), JSON.stringify(lies)].join(" | ")} |`,
  );
  expect(questions).toBeLessThanOrEqual(2 * honest);
});
