import { readFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { expect } from "vitest";
import { query } from "./outputs.js";
import { freePort, PlantProcess, temporaryFolder, testConfig, until } from "./plant-process.js";

const symbol = "BTC/USDT";
const endless = "SELECT count() FROM numbers(1000000000000) WHERE number % 7 = 9";

/**
 * Kills a plant with kill -9 while queries run in its store, and starts it again at once, on the same ports and folder:
 * the main process alone, as a supervisor or the kernel would, so that its children are orphans.
 *
 * @returns ms from each kill until the plant answered again
 */
export async function killAndRestart(kills: number): Promise<number[]> {
  const { folder, remove } = await temporaryFolder();
  const [venue, rest, webSocket, store] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const url = `127.0.0.1:${venue}`;
  const config = testConfig({
    dataFolder: `${folder}/data`,
    simulator: { venues: [{ id: "binance", port: venue, dialect: "spot", symbols: [symbol], rate: 50 }] },
    ingest: { venues: [{ id: "binance", restUrl: `http://${url}`, wsUrl: `ws://${url}`, symbols: [symbol] }] },
    push: { restPort: rest, webSocketPort: webSocket },
    store: { port: store },
  });
  const secretFile = `${config.dataFolder}/store.secret`;
  const started: PlantProcess[] = [];
  const took: number[] = [];
  try {
    let seen = 0;
    let asked = performance.now();
    for (let kill = 0; kill <= kills; kill++) {
      const plant = await PlantProcess.start(config);
      started.push(plant);
      await plant.said(({ stdout }) => stdout.includes("Ctrl-C"), "the greeting", 180_000);
      const { storeUrl } = await plant.running();
      if (kill > 0) took.push(Math.round(performance.now() - asked));
      const rows = "SELECT count(), uniqExact(trade_id) FROM tickplant.trades FORMAT TSV";
      seen = await until(
        async () => {
          const [count, unique] = (await query(storeUrl, rows).catch(() => "0\t0")).trim().split("\t").map(Number);
          expect(unique).toBe(count);
          return count! > seen && count;
        },
        "more trades than before",
        180_000,
      );
      if (kill === kills) break;
      const queries = [0, 1, 2].map(() => fetch(storeUrl, { method: "POST", body: endless }).catch(() => undefined));
      await until(
        async () => {
          const running =
            "SELECT count() FROM system.processes WHERE query LIKE '%1000000000000%' AND query NOT LIKE '%LIKE%'";
          const answer = await fetch(`${storeUrl}/?query=${encodeURIComponent(running)}`, {
            headers: { "X-ClickHouse-User": "plant", "X-ClickHouse-Key": await readFile(secretFile, "utf8") },
          });
          return Number(await answer.text()) === 3;
        },
        "three queries run",
        180_000,
      );
      asked = performance.now();
      plant.child.kill("SIGKILL");
      await plant.ended;
      await Promise.all(queries);
    }
    const last = started.at(-1)!;
    void fetch(`http://127.0.0.1:${store}/`, { method: "POST", body: endless }).catch(() => undefined);
    const stopping = performance.now();
    last.interrupt();
    expect(await last.ended).toEqual({ code: 0, signal: null });
    // the bound is that of a machine with a processor to spare
    expect(performance.now() - stopping).toBeLessThan(5_000 * Math.max(1, loadavg()[0]! / availableParallelism()));
    return took;
  } finally {
    for (const plant of started) if (!plant.hasEnded) await plant.kill();
    await remove();
  }
}
