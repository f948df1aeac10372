import type { Bus } from "../infra/bus/bus.js";
import type { PlantConfig } from "../infra/config/plant-config.js";
import { Health, type HealthReport } from "../infra/health.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { Store } from "../infra/store/store.js";
import type { PlantState } from "../push/rest/plant-routes.js";

/** The health of one process of the plant: what its roles tell, and the services that they need. */
export class PlantHealth {
  readonly health: Health;
  #phase: "starts" | "runs" | "stops" = "starts";

  constructor(
    private readonly config: PlantConfig,
    logger: Logger,
    private readonly metrics: Metrics,
  ) {
    this.health = new Health({ role: config.roles.join("+"), logger, gauge: metrics.condition });
  }

  /** Every part runs that was to be started. */
  started(): void {
    this.#phase = "runs";
    this.health.start();
  }

  stopping(): void {
    this.#phase = "stops";
  }

  store(store: Pick<Store, "ping">): void {
    this.health.ask({
      name: "store_unreachable",
      service: "the store",
      async ask() {
        if (!(await store.ping())) throw new Error("it is away, or refuses");
      },
    });
  }

  bus(bus: Pick<Bus, "last">): void {
    this.health.ask({ name: "bus_unreachable", service: "the bus", ask: () => bus.last("pulse:0") });
  }

  /** @param metricsText of all roles */
  state(metricsText: () => Promise<string>): PlantState {
    return {
      readiness: () => this.#report(),
      metricsText: () => {
        this.metrics.ready.set({ role: this.config.roles.join("+") }, this.#report().ready ? 1 : 0);
        return metricsText();
      },
    };
  }

  /** On its way up or down it is not ready, which nobody need be told in the log. */
  #report(): HealthReport {
    const report = this.health.report();
    if (this.#phase === "runs") return report;
    return { ...report, ready: false, reasons: [`it ${this.#phase}`, ...report.reasons] };
  }
}

/** Whether anything is to come in by itself: then its absence is a fault. */
export function expectsFeeds({ ingest }: PlantConfig): boolean {
  const { venues, chains, engines, oracles } = ingest;
  return [venues, chains, engines, oracles.chainlink, oracles.pyth].some((sources) => sources.length > 0);
}
