import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { ThreadBus } from "../infra/bus/thread-bus.js";
import type { PlantConfig } from "../infra/config/plant-config.js";
import type { Log } from "../infra/log/log.js";
import { createLogger, type Logger } from "../infra/logging.js";
import { Metrics } from "../infra/metrics.js";
import { storedTopics } from "../infra/store/store.js";
import { wantOfRoom } from "../infra/store/store-room.js";
import { runProcess } from "../processors/process.js";
import { defaultSinkSettings, runSink } from "../processors/sink/sink.js";
import { codecsOf, openLog, openRedisBus, processSettings, storeAt, storeFolder } from "./parts.js";
import type { FromRoleThread, RoleThreadData, ToRoleThread } from "./role-thread-contract.js";

/** Entry of a worker thread that runs one role. */
const { role, config, busPort, storeUrl } = workerData as RoleThreadData;
const logger = createLogger({ level: config.logging.level, pretty: config.logging.pretty, role });
const metrics = new Metrics();
const port = parentPort!;
const tell = (message: FromRoleThread): void => port.postMessage(message);

interface Running {
  readonly failed: Promise<never>;
  /** Records that wait for the role. */
  lag(): Promise<number>;
  stop(): Promise<void>;
}

async function startRole(config: PlantConfig, logger: Logger): Promise<Running> {
  const { log, close, waits } = await openLog(config, { logger, metrics });
  const codecs = await codecsOf(config);
  if (role === "process") {
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
  const store = storeAt(storeUrl!, config);
  const settings = { ...defaultSinkSettings, ...config.sink };
  const folder = storeFolder(config);
  const room = folder === undefined ? {} : { wantOfRoom: () => wantOfRoom(folder), waits };
  const sink = await runSink({ log, store, codecs, metrics, logger, settings, ...room });
  return {
    failed: sink.failed,
    lag: () => storedLag(log, settings.group),
    async stop() {
      await sink.stop();
      await store.close();
      await close();
    },
  };
}

/** What the sink has not committed: offsets are committed once the rows are stored. */
async function storedLag(log: Log, group: string): Promise<number> {
  let lag = 0;
  for (const topic of storedTopics) {
    for (let partition = 0; partition < log.partitions(topic); partition++) {
      const { start, end } = await log.offsets(topic, partition);
      lag += end - Math.max(start, (await log.committed(group, topic, partition)) ?? start);
    }
  }
  return lag;
}

const fail = (error: unknown): void => {
  const cause = error instanceof Error ? error : new Error(String(error));
  logger.fatal({ err: cause }, "the role can not go on");
  tell({ say: "failed", message: cause.message });
};

try {
  const running = await startRole(config, logger);
  running.failed.catch(fail);
  port.on("message", (message: ToRoleThread) => {
    if (message.ask !== "stop") {
      const answer = message.ask === "metrics" ? metrics.registry.getMetricsAsJSON() : running.lag();
      answer.then((answer) => tell({ say: "answer", id: message.id, answer })).catch(fail);
      return;
    }
    running
      .stop()
      .catch(fail)
      .finally(() => {
        tell({ say: "stopped" });
        port.close();
      });
  });
  tell({ say: "ready" });
} catch (error) {
  fail(error);
  port.close();
}
