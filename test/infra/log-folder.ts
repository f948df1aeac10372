import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedLog, type EmbeddedLogOptions } from "../../infra/log/embedded-log.js";
import { createLogger } from "../../infra/logging.js";

export const silent = createLogger({ level: "silent" });

export type OpenSettings = Partial<EmbeddedLogOptions>;

/** A folder of its own for an embedded log, deleted with all that is open in it. */
export async function logFolder(settings: OpenSettings = {}) {
  const folder = await mkdtemp(join(tmpdir(), "tickplant-log-"));
  const opened: EmbeddedLog[] = [];
  const open = async (more: OpenSettings = {}): Promise<EmbeddedLog> => {
    const log = await EmbeddedLog.open({ folder, logger: silent, ...settings, ...more });
    opened.push(log);
    return log;
  };
  const cleanup = async (): Promise<void> => {
    for (const log of opened) await log.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { folder, open, cleanup };
}
