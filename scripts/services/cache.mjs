import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const root = () => join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "tickplant/services");

/**
 * A folder of downloads, made once. It is filled beside its place and renamed, so that a folder that is there is
 * complete, and calls at the same time disturb each other in nothing but work.
 *
 * @param name below the cache folder, e.g. `kafka-3.9.1`
 * @param fill async (folder) => void, which puts everything into the folder
 * @returns path of the folder
 */
export async function cached(name, fill) {
  const folder = join(root(), name);
  if (existsSync(folder)) return folder;
  mkdirSync(root(), { recursive: true });
  const beside = mkdtempSync(join(root(), `${name}.part-`));
  try {
    await fill(beside);
    renameSync(beside, folder);
  } catch (error) {
    // Another call was faster: its folder is as good.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
  return folder;
}
