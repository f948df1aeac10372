import { expect, it } from "vitest";
import { killAndRestart } from "./restarts.js";

it("a plant that is killed while queries run starts again at once, and stops while one runs", async () => {
  const took = await killAndRestart(2);
  console.log(`up again after ${took.join(", ")} ms`);
  expect(took).toHaveLength(2);
}, 240_000);
