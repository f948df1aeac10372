import type { LastValue } from "../../infra/bus/bus.js";
import type { Depth, Envelope, Level } from "../../schemas/messages.js";
import { compareUnits, decimalsOf, parseUnits } from "../../schemas/units.js";

/**
 * The book as it stands: the last full one with the increments since applied, best prices first.
 *
 * @returns undefined when there is no full book yet
 */
export function fullBook(last: LastValue, limit: number): Depth | undefined {
  const texts = [last.payload, ...last.increments.map((increment) => increment.payload)];
  const bids = new Map<string, Level>();
  const asks = new Map<string, Level>();
  let newest: Depth | undefined;
  for (const text of texts) {
    if (text === "") continue;
    const depth = (JSON.parse(text) as Envelope<Depth>).data;
    if (depth.is_snapshot) {
      bids.clear();
      asks.clear();
    } else if (newest === undefined) continue;
    change(bids, depth.bids);
    change(asks, depth.asks);
    newest = depth;
  }
  if (newest === undefined) return undefined;
  return { ...newest, bids: sorted(bids, -1, limit), asks: sorted(asks, 1, limit), is_snapshot: true };
}

function change(side: Map<string, Level>, levels: readonly Level[]): void {
  for (const level of levels) {
    if (level[1] === "0") side.delete(level[0]);
    else side.set(level[0], level);
  }
}

/** @param direction 1 for ascending prices, -1 for descending */
function sorted(side: ReadonlyMap<string, Level>, direction: 1 | -1, limit: number): Level[] {
  const levels = [...side.values()];
  const scale = levels.reduce((most, [price]) => Math.max(most, decimalsOf(price)), 0);
  const keyed = levels.map((level) => ({ level, units: parseUnits(level[0], scale) }));
  keyed.sort((a, b) => direction * compareUnits(a.units, b.units));
  return keyed.slice(0, limit).map(({ level }) => level);
}
