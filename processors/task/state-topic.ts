import type { Log } from "../../infra/log/log.js";
import type { Codecs } from "../../schemas/codec.js";

export const STATE_TOPIC = "plant.state";
const READ_BYTES = 1024 * 1024;

/**
 * The newest value of each key of a task. Records of other keys are not looked at, whoever wrote them.
 *
 * @param task its keys begin with its name
 * @throws UnreadableRecord, UnknownSchema where one of the task's own can not be read: without it all others mislead
 */
export async function readState(
  log: Log,
  codecs: Codecs,
  partition: number,
  task: string,
): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  const codec = codecs[STATE_TOPIC];
  const own = `${task}/`;
  for await (const records of log.readToEnd(STATE_TOPIC, partition, 0, READ_BYTES)) {
    for (const { key, value } of records) {
      if (key === null || !key.startsWith(own)) continue;
      if (value === null) state.delete(key);
      else state.set(key, (codec.isPreparedFor(value) ? codec.decode(value) : await codec.read(value)).value);
    }
  }
  return state;
}
