import type { PlantConfig } from "../infra/config/plant-config.js";
import { Health, type HealthReport } from "../infra/health.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { Store } from "../infra/store/store.js";
import type { PlantState } from "../push/rest/plant-routes.js";
import { storeProbe } from "./service-conditions.js";

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

  /** What ends by itself on the way down is no trouble that the log should tell. */
  stopping(): void {
    this.#phase = "stops";
    this.health.stop();
  }

  /** @returns what ends the asking */
  store(store: Pick<Store, "ping">): () => void {
    const probe = storeProbe(store);
    this.health.watch(() => probe.conditions());
    return () => probe.stop();
  }

  /** @param metricsText of all roles */
  state(metricsText: () => Promise<string>): PlantState {
    return {
      readiness: () => this.report(),
      metricsText: () => {
        this.metrics.ready.set({ role: this.config.roles.join("+") }, this.report().ready ? 1 : 0);
        return metricsText();
      },
    };
  }

  /** On its way up or down it is not ready, which nobody need be told in the log. */
  report(): HealthReport {
    const report = this.health.report();
    if (this.#phase === "runs") return report;
    return { ...report, ready: false, reasons: [`it ${this.#phase}`, ...report.reasons] };
  }
}
