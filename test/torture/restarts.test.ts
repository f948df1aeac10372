import { expect, it } from "vitest";
import { killAndRestart } from "../plant/restarts.js";

it("20 kills with instant restarts while queries run: all up", async () => {
  const kills = Number(process.env.TICKPLANT_KILLS ?? 20);
  const took = await killAndRestart(kills);
  console.log(`up again after ${took.join(", ")} ms`);
  expect(took).toHaveLength(kills);
});
