import type { Bus } from "../infra/bus/bus.js";
import type { PlantConfig } from "../infra/config/plant-config.js";
import type { Condition, Severity } from "../infra/health.js";
import type { WriteState } from "../infra/redis/write-state.js";
import { ServiceProbe } from "../infra/service-probe.js";
import type { Store } from "../infra/store/store.js";

/** Whether the bus takes what is published. */
export function busConditions(bus: { readonly state?: WriteState }): Condition[] {
  if (bus.state === undefined || bus.state.writable) return [];
  return [{ name: "bus_not_writable", reason: `Redis does not take writes: ${bus.state.why}`, severity: "not_ready" }];
}

/** What the server of the embedded store says is wrong with it; undefined where all is well. */
export function storeConditions(trouble: string | undefined): Condition[] {
  return trouble === undefined ? [] : [{ name: "store_unreachable", reason: trouble, severity: "not_ready" }];
}

/** @param severity a note for roles that neither fill nor read history */
export function storeProbe(store: Pick<Store, "ping">, severity: Severity = "not_ready"): ServiceProbe {
  const ask = async () => {
    if (!(await store.ping())) throw new Error("it is away, or refuses");
  };
  return new ServiceProbe("store_unreachable", "the store", ask, { severity });
}

/** Of a bus that others share; the embedded one is in the process. */
export function busProbe(bus: Pick<Bus, "last">): ServiceProbe {
  return new ServiceProbe("bus_unreachable", "Redis", () => bus.last("pulse:0"));
}

/** Whether anything is to come in by itself: then its absence is a fault. */
export function expectsFeeds({ ingest }: PlantConfig): boolean {
  const { venues, chains, engines, oracles } = ingest;
  return [venues, chains, engines, oracles.chainlink, oracles.pyth].some((sources) => sources.length > 0);
}

/** @param why the embedded store's disk has too little room; undefined when it has enough */
export function roomConditions(why: string | undefined): Condition[] {
  if (why === undefined) return [];
  return [
    {
      name: "disk_full",
      subject: "store",
      reason: `the disk is full: history waits for room (${why})`,
      severity: "not_ready",
    },
  ];
}
