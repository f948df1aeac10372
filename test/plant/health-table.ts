import type { Role } from "./cluster-rig.js";
import { type HealthRig, roles } from "./health-rig.js";
import type { State } from "./health-states.js";
import { pause } from "./plant-process.js";

/** Somebody who is to hear of a state: a role's `/readyz`, its metrics, its log, the doctor beside it; a client; the page. */
interface Place {
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

/** Makes a state, waits until all have told it, mends it, waits until all have taken it back. */
export async function walk(rig: HealthRig, state: State): Promise<Told[]> {
  const places = placesOf(rig, state);
  const words = new Map<Place, string>();
  await state.begin(rig);
  const told = await each(state, "told", places, async (place) => {
    const said = await place.hear();
    if (said !== undefined) words.set(place, said);
    return said !== undefined;
  }).finally(() => state.end(rig));
  const takenBack = await each(state, "taken back", places, async (place) => (await place.hear()) === undefined);
  return places.map((place) => ({
    state: state.name,
    place: place.name,
    told: told.get(place)!,
    takenBack: takenBack.get(place)!,
    words: words.get(place)!,
  }));
}

export function tableOf(lines: readonly Told[]): string {
  const rows = lines.map(({ state, place, told, takenBack, words }) =>
    [state, place, `${told.toFixed(1)} s`, `${takenBack.toFixed(1)} s`, words].join(" | "),
  );
  return ["state | who | told after | taken back after | words", ...rows].join("\n");
}

/** @returns by place, after how many seconds it held */
async function each(state: State, what: string, places: readonly Place[], holds: (place: Place) => Promise<boolean>) {
  const from = performance.now();
  const seconds = new Map<Place, number>();
  const missing: string[] = [];
  await Promise.all(
    places.map(async (place) => {
      while (!(await holds(place).catch(() => false))) {
        if (performance.now() - from > GIVE_UP_MS) {
          missing.push(`${place.name} (${await Promise.resolve(place.hear()).catch(String)})`);
          return;
        }
        await pause(LOOK_MS);
      }
      seconds.set(place, (performance.now() - from) / 1000);
    }),
  );
  if (missing.length > 0)
    throw new Error(`${state.name}: not ${what} within ${GIVE_UP_MS} ms by ${missing.join(", ")}`);
  return seconds;
}

function placesOf(rig: HealthRig, state: State): Place[] {
  return [
    ...roles.flatMap((role) => placesOfRole(rig, state, role)),
    { name: "client", hear: () => rig.told().find((text) => state.client.test(text)) },
    {
      name: "page",
      hear: async () => {
        const banner = await rig.banner();
        return state.page.test(banner) ? banner : undefined;
      },
    },
  ];
}

function placesOfRole(rig: HealthRig, state: State, role: Role): Place[] {
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
    { name: `${role} /metrics`, hear: async () => heldIn(await rig.metrics(role), ready) },
    { name: `${role} log`, hear: () => heldByLog(rig.logSince(role, from)).find((reason) => says.test(reason)) },
    {
      name: `${role} doctor`,
      // it adds since when
      hear: async () => (await rig.doctor(role)).find((found) => says.test(found.replace(/ \(since \S+\)$/, ""))),
    },
  ];
}

/** The series that the rule ConditionHolds is about; of what is only worth knowing, its note. */
function heldIn(metrics: string, isNote: boolean): string | undefined {
  return metrics
    .split("\n")
    .find((line) => /^tickplant_condition\{.*\} [1-9]/.test(line) && line.includes('severity="note"') === isNote);
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
