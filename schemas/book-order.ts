import type { DepthTick } from "./ticks.js";

/**
 * Whether an update of a book follows what was taken in, by the venue's ids: one rule, for the connectors whose venues go
 * by it and for the processor that reads their ticks.
 *
 * An update carries all changes after the id that it follows (the one it names, else the one before its first) up to its
 * own. So it may be applied when that id is not beyond what the book has, and is contained when its own is not.
 * Quantities are absolute, hence one that overlaps (the first after a snapshot; two sockets during a planned reconnect)
 * is applied whole.
 *
 * Where updates name the one before, ids are shared by many books. The first after a snapshot may end at the snapshot's
 * own id and counts, since the snapshot may be without it; and the snapshot's id may lie between two updates
 * (`pu <= lastUpdateId < U`), where nothing is missing either.
 *
 * @param updateId of the last update taken in, or of the snapshot
 * @param fresh    nothing was applied since the snapshot
 */
export function bookStep(
  tick: Pick<DepthTick, "firstUpdateId" | "updateId" | "previousUpdateId">,
  updateId: number,
  fresh: boolean,
): "apply" | "skip" | "gap" {
  const previous = tick.previousUpdateId;
  if (tick.updateId <= updateId) {
    const countsAtId = fresh && tick.updateId === updateId && previous !== undefined;
    if (!countsAtId) return "skip";
  }
  const overlaps = tick.firstUpdateId <= updateId + 1;
  if (previous === undefined) return overlaps ? "apply" : "gap";
  return previous <= updateId || (fresh && overlaps) ? "apply" : "gap";
}
