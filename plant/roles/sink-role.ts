import type { Log } from "../../infra/log/log.js";
import { storedTopics } from "../../infra/store/store.js";
import { wantOfRoom } from "../../infra/store/store-room.js";
import { defaultSinkSettings, runSink } from "../../processors/sink/sink.js";
import { codecsOf, openLog } from "../parts.js";
import { storeAt, storeFolder } from "../store-place.js";
import type { RoleParts, RunningRole } from "./role.js";

/** From the log into the store. */
export async function startSink({ data, logger, metrics }: RoleParts): Promise<RunningRole> {
  const { config, store: place } = data;
  const { log, close, waits } = await openLog(config, { logger, metrics });
  const codecs = await codecsOf(config);
  const store = storeAt(place!, config);
  const settings = { ...defaultSinkSettings, ...config.sink };
  const folder = storeFolder(config);
  const room = folder === undefined ? {} : { wantOfRoom: () => wantOfRoom(folder), waits };
  const sink = await runSink({ log, store, codecs, metrics, logger, settings, ...room });
  return {
    failed: sink.failed,
    lag: () => storedLag(log, settings.group),
    conditions: () => [...(waits?.conditions() ?? []), ...sink.conditions()],
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
