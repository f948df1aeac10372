import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { expect, it } from "vitest";
import { isAlive, PlantProcess, pause, temporaryFolder, testConfig, until } from "./plant-process.js";
import { killAndRestart } from "./restarts.js";

/** A loaded machine is slow: bounds are those of one with a processor to spare. */
const load = () => Math.max(1, loadavg()[0]! / availableParallelism());

/** The engine below a plant: it may stand behind a process that fences it off. */
function engineOf(plant: number): number | undefined {
  const parents = new Map<number, number>();
  const engines: number[] = [];
  for (const pid of readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      parents.set(pid, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
      if (readFileSync(`/proc/${pid}/maps`, "latin1").includes("libchdb")) engines.push(pid);
    } catch {
      // it has ended
    }
  }
  const below = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (parents.get(pid) === plant || below(parents.get(pid)));
  return engines.find(below);
}

it("a plant that is killed while queries run starts again at once, and stops while one runs", async () => {
  const took = await killAndRestart(2);
  console.log(`up again after ${took.join(", ")} ms`);
  expect(took).toHaveLength(2);
}, 400_000);

it("readiness says that the store hangs, and the plant stops all the same", async () => {
  const { folder, remove } = await temporaryFolder();
  const plant = await PlantProcess.start(testConfig({ dataFolder: `${folder}/data`, roles: ["sink", "push"] }));
  try {
    await plant.said(({ stdout }) => stdout.includes("Ctrl-C"), "the greeting", 180_000);
    const { restUrl } = await plant.running();
    const ready = async () => (await (await fetch(`${restUrl}/readyz`)).text()) as string;
    const engine = engineOf(plant.child.pid!)!;
    process.kill(engine, "SIGSTOP");
    const stopped = performance.now();
    const said = await until(async () => {
      const text = await ready();
      return /store/.test(text) && text;
    }, "readiness names the store");
    const saidMs = Math.round(performance.now() - stopped);
    const history = fetch(`${restUrl}/v1/klines?symbol=BTC/USDT&exchange=binance&interval=1m`).catch(() => undefined);
    const asked = performance.now();
    plant.interrupt();
    expect(await plant.ended).toEqual({ code: 0, signal: null });
    const stopMs = Math.round(performance.now() - asked);
    console.log(`said after ${saidMs} ms: ${said}; stopped in ${stopMs} ms`);
    expect(saidMs).toBeLessThan(5_000 * load());
    expect(stopMs).toBeLessThan(5_000 * load());
    await history;
  } finally {
    if (!plant.hasEnded) await plant.kill();
    await remove();
  }
}, 400_000);

it("a second signal ends a plant that waits for its store, at once and with it", async () => {
  const { folder, remove } = await temporaryFolder();
  const plant = await PlantProcess.start(testConfig({ dataFolder: `${folder}/data`, roles: ["sink", "push"] }));
  try {
    await plant.said(({ stdout }) => stdout.includes("Ctrl-C"), "the greeting", 180_000);
    const engine = engineOf(plant.child.pid!)!;
    process.kill(engine, "SIGSTOP");
    plant.interrupt();
    await pause(200);
    plant.interrupt();
    expect(await plant.ended).toEqual({ code: null, signal: "SIGKILL" });
    expect(plant.stderr).not.toContain("stack trace");
    await until(() => !isAlive(engine), "the engine has ended");
  } finally {
    if (!plant.hasEnded) await plant.kill();
    await remove();
  }
});
