import type { MessagePort } from "node:worker_threads";
import type { Bus } from "../../infra/bus/bus.js";
import { ThreadBus } from "../../infra/bus/thread-bus.js";
import { runProcess } from "../../processors/process.js";
import { codecsOf, openLog, openRedisBus, processSettings } from "../parts.js";
import { busConditions } from "../service-conditions.js";
import type { RoleParts, RunningRole } from "./role.js";

/** One task a partition. */
export async function startProcess({ data, logger, metrics }: RoleParts): Promise<RunningRole> {
  const { config, busPort } = data;
  const { log, close, waits } = await openLog(config, { logger, metrics });
  const codecs = await codecsOf(config);
  const bus: Bus =
    busPort === undefined ? (await openRedisBus(config, logger))! : new ThreadBus(busPort as MessagePort);
  const { checkpointMs } = config.process;
  const settings = processSettings(config);
  const processing = await runProcess({ log, bus, codecs, settings, checkpointMs, metrics, logger });
  return {
    failed: processing.failed,
    lag: () => processing.lag(),
    conditions: () => [...(waits?.conditions() ?? []), ...busConditions(bus), ...processing.conditions()],
    async stop() {
      await processing.stop();
      await bus.close();
      await close();
    },
  };
}
