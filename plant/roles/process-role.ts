import type { MessagePort } from "node:worker_threads";
import { ThreadBus } from "../../infra/bus/thread-bus.js";
import { runProcess } from "../../processors/process.js";
import { codecsOf, openLog, openRedisBus, processSettings } from "../parts.js";
import type { RoleParts, RunningRole } from "./role.js";

/** One task a partition. */
export async function startProcess({ data, logger, metrics }: RoleParts): Promise<RunningRole> {
  const { config, busPort } = data;
  const { log, close } = await openLog(config, { logger, metrics });
  const codecs = await codecsOf(config);
  const bus = busPort === undefined ? (await openRedisBus(config, logger))! : new ThreadBus(busPort as MessagePort);
  const { checkpointMs } = config.process;
  const settings = processSettings(config);
  const processing = await runProcess({ log, bus, codecs, settings, checkpointMs, metrics, logger });
  return {
    failed: processing.failed,
    lag: () => processing.lag(),
    async stop() {
      await processing.stop();
      await bus.close();
      await close();
    },
  };
}
