import type { SymbolName } from "../schemas/words.js";
import type { ConnectionPlan, FeedKind, Subscription, Venue } from "./venue.js";

/** What becomes of a venue's connections when listings change. */
export interface Replanned {
  /** Those that carry other streams than before; undefined where nothing is left of one. */
  readonly changed: ReadonlyMap<ConnectionPlan, ConnectionPlan | undefined>;
  readonly opened: readonly ConnectionPlan[];
}

/**
 * Plans for what is wanted now that touch few connections: what is gone leaves its own, what is new joins the emptiest of
 * its group, and only what has no room there gets another.
 *
 * @param gone  markets that are not to be subscribed any more
 * @param fresh markets that are to be subscribed; one may be among the gone, too, when its native id is another now
 */
export function replan(
  venue: Pick<Venue, "connections">,
  plans: readonly ConnectionPlan[],
  gone: ReadonlySet<SymbolName>,
  fresh: readonly Subscription[],
): Replanned {
  const changed = new Map<ConnectionPlan, ConnectionPlan | undefined>();
  const opened: ConnectionPlan[] = [];
  const kept = new Map(
    plans.map((plan) => [plan, plan.subscriptions.filter(({ instrument }) => !gone.has(instrument.symbol))]),
  );
  const numbers = new Map<string, number>();
  for (const { name } of plans) {
    const { group, number } = partsOf(name);
    numbers.set(group, Math.max(numbers.get(group) ?? 0, number));
  }
  const joined = new Set<ConnectionPlan>();
  for (const [group, subscriptions] of groupsOf(venue, fresh)) {
    const own = plans.filter(({ name }) => partsOf(name).group === group);
    const emptiest = own.toSorted((a, b) => kept.get(a)!.length - kept.get(b)!.length)[0];
    const [first, ...others] = venue.connections([...(emptiest ? kept.get(emptiest)! : []), ...subscriptions]);
    if (emptiest !== undefined && first !== undefined) {
      joined.add(emptiest);
      changed.set(emptiest, { ...first, name: emptiest.name });
    }
    for (const plan of emptiest === undefined && first !== undefined ? [first, ...others] : others) {
      const number = (numbers.get(group) ?? 0) + 1;
      numbers.set(group, number);
      opened.push({ ...plan, name: `${group}-${number}` });
    }
  }
  for (const plan of plans) {
    const left = kept.get(plan)!;
    if (joined.has(plan) || left.length === plan.subscriptions.length) continue;
    const [smaller] = left.length === 0 ? [] : venue.connections(left);
    changed.set(plan, smaller && { ...smaller, name: plan.name });
  }
  return { changed, opened };
}

/** Of each group of connections what it carries of the subscriptions. */
function groupsOf(venue: Pick<Venue, "connections">, fresh: readonly Subscription[]): Map<string, Subscription[]> {
  const groups = new Map<string, Subscription[]>();
  for (const subscription of fresh) {
    for (const { name, subscriptions } of venue.connections([subscription])) {
      const { group } = partsOf(name);
      const kinds: readonly FeedKind[] = subscriptions[0]!.kinds;
      groups.set(group, [...(groups.get(group) ?? []), { ...subscription, kinds }]);
    }
  }
  return groups;
}

/** `market-12` is number 12 of the group `market`. */
function partsOf(name: string): { readonly group: string; readonly number: number } {
  const [, group = name, number = "1"] = /^(.*)-(\d+)$/.exec(name) ?? [];
  return { group, number: Number(number) };
}
