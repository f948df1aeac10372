import { expect, it } from "vitest";
import { fillAndFree } from "../plant/disk-rounds.js";

it("a disk filled and freed ten times under load: what was acknowledged is stored, once", async () => {
  const { acknowledged, stored, doubled, reasons, waits, back } = await fillAndFree(10, 5_000);
  console.info({ acknowledged, lost: acknowledged - stored, doubled, waits, msToGoOn: back.map(Math.round) });
  expect([stored, doubled]).toEqual([acknowledged, 0]);
  expect(reasons).toHaveLength(10);
});
