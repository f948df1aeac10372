import { afterAll, beforeAll, expect, it } from "vitest";
import { HealthRig } from "../plant/health-rig.js";
import { stateOf, states } from "../plant/health-states.js";
import { type Told, tableOf, tooLate, walk } from "../plant/health-table.js";

/** From the fault until it is told, and from the mend until it is taken back. */
const PROMISED_S = 15;
const rounds = Number(process.env.TICKPLANT_TORTURE_ROUNDS ?? 3);

let rig: HealthRig;
const table: Told[] = [];

beforeAll(async () => {
  rig = await HealthRig.start();
}, 300_000);

afterAll(async () => {
  await rig?.stop();
  console.info(tableOf(table));
}, 300_000);

async function walked(...names: string[]): Promise<void> {
  const lines = await walk(rig, ...names.map(stateOf));
  table.push(...lines);
  expect(tooLate(lines, PROMISED_S)).toEqual([]);
}

for (let round = 1; round <= rounds; round++) {
  it.each(states.map(({ name }) => name))(`round ${round}: %s`, (name) => walked(name), 300_000);
}

it.each([
  ["log frozen", "store hung"],
  ["log gone", "store gone"],
  ["Redis gone", "store gone"],
  ["Redis read-only", "store hung"],
  ["feed silent", "store gone"],
  ["clock 6 s off", "store hung"],
])("%s and %s at the same time", (one, other) => walked(one, other), 300_000);
