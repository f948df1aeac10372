import type { Role } from "./cluster-rig.js";
import { type HealthRig, roles } from "./health-rig.js";
import type { State } from "./health-states.js";
import { pause, until } from "./plant-process.js";

/** Somebody who is to hear of a state: a role's `/readyz`, its metrics, its log, the doctor beside it; a client; the page. */
interface Place {
  readonly state: string;
  readonly name: string;
  /** What it says of the state; undefined while it says nothing. */
  hear(): Promise<string | undefined> | string | undefined;
}

/** A line of the table. */
export interface Told {
  readonly state: string;
  readonly place: string;
  /** Seconds after it began, and after it was mended. */
  readonly told: number;
  readonly takenBack: number;
  readonly words: string;
}

/** Nothing takes longer, whatever the machine; what is promised the test checks. */
const GIVE_UP_MS = 60_000;
const LOOK_MS = 100;

/** Makes states, waits until all have told each of them, mends them, waits until all have taken them back. */
export async function walk(rig: HealthRig, ...states: readonly State[]): Promise<Told[]> {
  await until(
    () => rig.allWell(),
    () => `all well before: ${JSON.stringify(rig.last)}`,
    GIVE_UP_MS,
  );
  const places = states.flatMap((state) => placesOf(rig, state));
  const words = new Map<Place, string>();
  const endAll = () => Promise.all(states.map((state) => state.end(rig)));
  for (const state of states) await state.prepare?.(rig);
  await Promise.all(states.map((state) => state.begin(rig)));
  const told = await each("told", places, async (place) => {
    const said = await place.hear();
    if (said !== undefined) words.set(place, said);
    return said !== undefined;
  }).finally(endAll);
  const takenBack = await each("taken back", places, async (place) => (await place.hear()) === undefined);
  return places.map((place) => ({
    state: place.state,
    place: place.name,
    told: told.get(place)!,
    takenBack: takenBack.get(place)!,
    words: words.get(place)!,
  }));
}

/** Those that took longer than is promised. */
export const tooLate = (lines: readonly Told[], promisedS: number): string[] =>
  lines
    .filter(({ told, takenBack }) => Math.max(told, takenBack) > promisedS)
    .map(({ state, place, told, takenBack }) => `${state}, ${place}: ${told.toFixed(1)} s, ${takenBack.toFixed(1)} s`);

export function tableOf(lines: readonly Told[]): string {
  const rows = lines.map(({ state, place, told, takenBack, words }) =>
    [state, place, `${told.toFixed(1)} s`, `${takenBack.toFixed(1)} s`, words].join(" | "),
  );
  return ["state | who | told after | taken back after | words", ...rows].join("\n");
}

/** @returns by place, after how many seconds it held */
async function each(what: string, places: readonly Place[], holds: (place: Place) => Promise<boolean>) {
  const from = performance.now();
  const seconds = new Map<Place, number>();
  const missing: string[] = [];
  await Promise.all(
    places.map(async (place) => {
      while (!(await holds(place).catch(() => false))) {
        if (performance.now() - from > GIVE_UP_MS) {
          missing.push(`${place.state}, ${place.name} (${await Promise.resolve(place.hear()).catch(String)})`);
          return;
        }
        await pause(LOOK_MS);
      }
      seconds.set(place, (performance.now() - from) / 1000);
    }),
  );
  if (missing.length > 0) throw new Error(`not ${what} within ${GIVE_UP_MS} ms by ${missing.join(", ")}`);
  return seconds;
}

function placesOf(rig: HealthRig, state: State): Place[] {
  const others: Omit<Place, "state">[] = [
    { name: "alert", hear: () => rig.alertOf(state.condition) },
    { name: "client", hear: () => rig.told().find((text) => state.client.test(text)) },
    {
      name: "page",
      hear: async () => {
        const banner = await rig.banner();
        return state.page.test(banner) ? banner : undefined;
      },
    },
  ];
  return [...roles.flatMap((role) => placesOfRole(rig, state, role)), ...others].map((place) => ({
    state: state.name,
    ...place,
  }));
}

function placesOfRole(rig: HealthRig, state: State, role: Role): Omit<Place, "state">[] {
  const { says, ready } = state.roles[role];
  const from = rig.logEnd(role);
  return [
    {
      name: `${role} /readyz`,
      hear: async () => {
        const answer = await rig.readiness(role);
        if (!ready && answer.status === 200) return undefined;
        const isAsBad = (severity: string) => (severity === "note") === ready;
        return answer.conditions.find(({ reason, severity }) => says.test(reason) && isAsBad(severity))?.reason;
      },
    },
    { name: `${role} log`, hear: () => heldByLog(rig.logSince(role, from)).find((reason) => says.test(reason)) },
    {
      name: `${role} doctor`,
      // it adds since when
      hear: async () => (await rig.doctor(role)).find((found) => says.test(found.replace(/ \(since \S+\)$/, ""))),
    },
  ];
}

/** Reasons of conditions that began in these lines and are not over in them. */
function heldByLog(text: string): string[] {
  const held = new Map<string, string>();
  for (const line of text.split("\n")) {
    const entry = parsed(line);
    if (entry?.condition === undefined) continue;
    const key = `${entry.condition} ${entry.subject ?? ""}`;
    if (entry.msg?.startsWith("over:")) held.delete(key);
    else held.set(key, entry.reason ?? "");
  }
  return [...held.values()];
}

interface LogEntry {
  readonly condition?: string;
  readonly subject?: string;
  readonly reason?: string;
  readonly msg?: string;
}

function parsed(line: string): LogEntry | undefined {
  try {
    return JSON.parse(line) as LogEntry;
  } catch {
    return undefined;
  }
}
