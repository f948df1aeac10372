import { join } from "node:path";
import type { PlantConfig } from "../infra/config/plant-config.js";
import { diskFault, ensureWritableFolder } from "../infra/disk.js";
import { PlantError } from "../infra/errors.js";
import { LogLocked } from "../infra/log/errors.js";
import { PartitionLock } from "../infra/log/partition-lock.js";

/** Another process runs a role in this data folder. */
export class RoleTaken extends PlantError {
  constructor(role: string, folder: string, cause: LogLocked) {
    const owner = /process \d+/.exec(cause.message)?.[0] ?? "another process";
    super(
      "TP_PLANT_RUNNING",
      `${owner} runs the ${role} role in ${folder} already: stop it, or give this plant a folder of its own with --data-folder`,
      { cause },
    );
  }
}

/**
 * Makes the roles of a data folder this process's own; the claims of dead processes do not count.
 *
 * @returns what gives them back
 * @throws RoleTaken, FolderNotWritable, DiskFull
 */
export function claimRoles({ dataFolder, roles }: PlantConfig): () => Promise<void> {
  ensureWritableFolder(dataFolder);
  const claims: PartitionLock[] = [];
  const release = async () => {
    for (const claim of claims.splice(0)) claim.release();
  };
  for (const role of roles) {
    try {
      claims.push(PartitionLock.acquire(join(dataFolder, "running", role), role));
    } catch (error) {
      void release();
      throw error instanceof LogLocked ? new RoleTaken(role, dataFolder, error) : diskFault(error, dataFolder);
    }
  }
  return release;
}
