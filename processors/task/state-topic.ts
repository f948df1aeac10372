import type { Log } from "../../infra/log/log.js";
import type { Codecs } from "../../schemas/codec.js";

export const STATE_TOPIC = "plant.state";
const READ_BYTES = 1024 * 1024;

/** The newest value of each key of one partition of the state. */
export async function readState(log: Log, codecs: Codecs, partition: number): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  for await (const records of log.readToEnd(STATE_TOPIC, partition, 0, READ_BYTES)) {
    for (const { key, value } of records) {
      if (key === null) continue;
      if (value === null) state.delete(key);
      else state.set(key, codecs[STATE_TOPIC].decode(value).value);
    }
  }
  return state;
}
