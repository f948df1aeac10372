import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fillAndFree } from "./disk-rounds.js";
import { mainFile, PlantProcess, temporaryFolder } from "./plant-process.js";
import { MAY_NOT_MOUNT, SmallDisk } from "./small-disk.js";

/** Runs `start` on a small disk mounted so; its exit code, and what it said. */
async function startOn(options: string): Promise<{ code: number | null; said: string }> {
  const folders = await temporaryFolder();
  try {
    const disk = join(folders.folder, "disk");
    await mkdir(disk);
    const args = [mainFile, "start", "--data-folder", join(disk, "data")];
    const { command, args: all } = new SmallDisk(disk, options, process.execPath, args);
    const plant = PlantProcess.of(command, all);
    const { code } = await plant.ended;
    if (code === MAY_NOT_MOUNT) throw new Error(`this test needs the right to mount, as root has: ${plant.stderr}`);
    return { code, said: plant.stdout + plant.stderr };
  } finally {
    await folders.remove();
  }
}

it("a data folder that can not be written is named with a code, and the plant ends", async () => {
  const { code, said } = await startOn("size=1m,ro");
  expect(code).toBe(1);
  expect(said).toMatch(/TP_FOLDER_NOT_WRITABLE/);
  expect(said).toMatch(/data can not be written \(EROFS\)/);
  expect(said).not.toMatch(/^\s+at /m);
});

it("a disk without any room at the start is named with a code", async () => {
  const { code, said } = await startOn("size=4k,nr_inodes=5");
  expect(code).toBe(1);
  expect(said).toMatch(/TP_DISK_FULL|TP_LOG_FULL/);
  expect(said).not.toMatch(/^\s+at /m);
});

it("a disk filled and freed under load: what was acknowledged is stored, once, and the plant says why it waits", async () => {
  const { acknowledged, stored, doubled, reasons, waits, back } = await fillAndFree(2, 1_500);
  console.info({ acknowledged, stored, doubled, waits, back: back.map(Math.round) });
  expect(stored).toBe(acknowledged);
  expect(doubled).toBe(0);
  expect(waits).toBeGreaterThan(0);
  for (const reason of reasons) expect(reason).toMatch(/the disk is full: .* waits for room/);
}, 300_000);
