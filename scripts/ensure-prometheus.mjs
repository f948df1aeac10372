// Fetches Prometheus and promtool, which the shipped alerts are tested with.
import { ensurePrometheus } from "./services/prometheus.mjs";

try {
  console.log((await ensurePrometheus()).promtool);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
