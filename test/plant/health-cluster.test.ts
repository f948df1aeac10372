import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, it } from "vitest";
import { HealthRig } from "./health-rig.js";
import { states } from "./health-states.js";
import { type Told, tableOf, walk } from "./health-table.js";

/** What is promised, to whoever is told and to whoever is told that it is over. */
const PROMISED_S = 15;

let rig: HealthRig;
const table: Told[] = [];

beforeAll(async () => {
  rig = await HealthRig.start();
}, 300_000);

afterAll(async () => {
  for (const { name, process } of Object.values(rig.processes))
    writeFileSync(`/tmp/ready-role-${name}.log`, process.stderr);
  await rig?.stop();
  console.info(tableOf(table));
}, 60_000);

const only = process.env.HEALTH_ONLY?.split(",");
it.each(states.filter(({ name }) => only === undefined || only.includes(name)))(
  "$name",
  async (state) => {
    const lines = await walk(rig, state);
    table.push(...lines);
    console.info(tableOf(lines));
    for (const { place, told, takenBack } of lines) {
      if (Math.max(told, takenBack) > PROMISED_S) console.warn(`${state.name}: ${place} ${told} ${takenBack}`);
    }
  },
  400_000,
);
