import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { costOf } from "./process-cost.js";

const idle = { use: async () => {} };
/** Burns half a second of processor time and fills so many MiB, then lets a child do the same. */
const burn = (generations: number, mib: number) => `
  const kept = Buffer.alloc(${mib} * 2 ** 20, 1);
  const began = process.cpuUsage();
  for (let used = began; used.user + used.system < 5e5; used = process.cpuUsage(began)) kept[0]++;
  setTimeout(() => {
    if (${generations} > 1) require("child_process").spawnSync(process.execPath, ["-e", process.argv[1]]);
  }, 200);`;

describe("what a command costs", () => {
  it("counts the processor time and memory of what it started, too", async () => {
    const alone = await costOf({ args: ["-e", burn(1, 100), burn(1, 100)], ...idle });
    const both = await costOf({ args: ["-e", burn(2, 100), burn(1, 100)], ...idle });
    expect(alone.coreSeconds).toBeGreaterThan(0.5);
    expect(both.coreSeconds).toBeGreaterThan(1);
    expect(both.peakMiB).toBeGreaterThan(200);
    expect(both.peakMiB).toBeGreaterThan(alone.peakMiB + 100);
  });

  it("fails with what the command said when it fails", async () => {
    await expect(costOf({ args: ["-e", "throw new Error('no such tape')"], ...idle })).rejects.toThrow("no such tape");
  });

  it("ends the command when its user fails", async () => {
    let child: import("node:child_process").ChildProcess | undefined;
    const use = async (started: import("node:child_process").ChildProcess) => {
      child = started;
      throw new Error("refused");
    };
    await expect(costOf({ args: ["-e", "setInterval(() => {}, 1000)"], use })).rejects.toThrow("refused");
    if (child!.signalCode === null) await once(child!, "exit");
    expect(child!.signalCode).toBe("SIGKILL");
  });
});
