import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, loadavg } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import type { Kline } from "../../schemas/messages.js";
import { query } from "./outputs.js";
import { freePort, PlantProcess, pause, signalGroup, temporaryFolder, testConfig, until } from "./plant-process.js";

const symbols = ["BTC/USDT", "ETH/USDT"];
const running = new Set<PlantProcess>();
const folders: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const plant of running) if (signalGroup(plant.child.pid!, 0)) await plant.kill();
  running.clear();
  for (const remove of folders.splice(0)) await remove();
});

/** The demo on ports and in a folder of its own. */
async function demo(): Promise<{ config: PlantConfig; ports: number[] }> {
  const { folder, remove } = await temporaryFolder();
  folders.push(remove);
  const [venue, rest, webSocket, store] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const config = testConfig({
    dataFolder: `${folder}/data`,
    simulator: { venues: [{ id: "binance", port: venue, dialect: "spot", symbols, rate: 50 }] },
    ingest: {
      venues: [{ id: "binance", restUrl: `http://127.0.0.1:${venue}`, wsUrl: `ws://127.0.0.1:${venue}`, symbols }],
    },
    push: { restPort: rest, webSocketPort: webSocket, rateLimit: { requestsPerMinute: 1_000_000 } },
    store: { port: store },
  });
  return { config, ports: [venue, rest, webSocket, store] };
}

async function started(config: PlantConfig) {
  const plant = await PlantProcess.start(config);
  running.add(plant);
  return { plant, ...(await plant.running()) };
}

interface History {
  /** Id → price, quantity and time. */
  readonly trades: ReadonlyMap<string, string>;
  readonly rows: number;
  readonly klines: readonly Kline[];
}

/** What the plant serves of its past: trades from SQL, K-lines from REST. */
async function historyOf(storeUrl: string, restUrl: string): Promise<History> {
  const sql =
    "SELECT trade_id, concat(toString(price), ' ', toString(qty), ' ', toString(timestamp)) FROM tickplant.trades " +
    `WHERE symbol = '${symbols[0]}' FORMAT TSV`;
  const rows = (await query(storeUrl, sql)).trimEnd().split("\n").filter(Boolean);
  const trades = new Map(rows.map((row) => row.split("\t") as [string, string]));
  const url = `${restUrl}/v1/klines?symbol=${symbols[0]}&exchange=binance&interval=1m&limit=1000`;
  const response = await fetch(url);
  return { trades, rows: rows.length, klines: response.ok ? ((await response.json()) as Kline[]) : [] };
}

async function moreThan(count: number, storeUrl: string, restUrl: string): Promise<History> {
  return until(async () => {
    const history = await historyOf(storeUrl, restUrl);
    return history.trades.size > count && history.klines.length > 0 && history;
  }, `more than ${count} trades`);
}

/** All of what was there before is there still, each trade once, and no K-line shrank. */
function expectKept(before: History, after: History): void {
  expect(after.rows).toBe(after.trades.size);
  for (const [id, trade] of before.trades) expect(after.trades.get(id)).toBe(trade);
  const later = new Map(after.klines.map((kline) => [kline.open_time, kline]));
  for (const { open_time, open, trade_count } of before.klines) {
    expect(later.get(open_time)).toMatchObject({ open });
    expect(later.get(open_time)!.trade_count).toBeGreaterThanOrEqual(trade_count);
  }
}

const isFree = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });

/** Process ids of a process's children whose command line has the text. */
function childrenOf(pid: number, text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => {
      try {
        const stat = readFileSync(`/proc/${child}/stat`, "latin1");
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        return parent === pid && readFileSync(`/proc/${child}/cmdline`, "latin1").includes(text);
      } catch {
        return false;
      }
    });
}

describe("a plant that is stopped and started", () => {
  it("ends at Ctrl-C with nothing left behind, and keeps its history, also over kill -9 of everything", async () => {
    const { config, ports } = await demo();
    const first = await started(config);
    const before = await moreThan(20, first.storeUrl, first.restUrl);
    const asked = performance.now();
    first.plant.interrupt();
    expect(await first.plant.ended).toEqual({ code: 0, signal: null });
    const stopMs = performance.now() - asked;
    console.log(`stopped in ${Math.round(stopMs)} ms`);
    // the bound is that of a machine with a processor to spare
    expect(stopMs).toBeLessThan(5_000 * Math.max(1, loadavg()[0]! / availableParallelism()));
    expect(signalGroup(first.plant.child.pid!, 0)).toBe(false);
    for (const port of ports) expect(await isFree(port), `port ${port}`).toBe(true);

    const second = await started(config);
    const between = await moreThan(before.trades.size + 20, second.storeUrl, second.restUrl);
    expectKept(before, between);
    await second.plant.kill();

    const third = await started(config);
    const after = await moreThan(between.trades.size + 20, third.storeUrl, third.restUrl);
    expectKept(between, after);
    third.plant.interrupt();
    expect(await third.plant.ended).toEqual({ code: 0, signal: null });
  }, 240_000);

  it("loses and doubles nothing when the store's process is killed", async () => {
    const { config } = await demo();
    const { plant, storeUrl, restUrl } = await started(config);
    await moreThan(10, storeUrl, restUrl);
    for (let kill = 0; kill < 3; kill++) {
      const engine = await until(() => childrenOf(plant.child.pid!, "chdb-process")[0], "the store's process");
      process.kill(engine, "SIGKILL");
      await until(() => childrenOf(plant.child.pid!, "chdb-process").some((pid) => pid !== engine), "another one");
      await pause(300);
    }
    const venue = config.ingest.venues[0]!.restUrl!;
    await fetch(`${venue}/simulator/pause`, { method: "POST" });
    const told = (await (await fetch(`${venue}/simulator/trades?symbol=BTCUSDT`)).json()) as { id: number }[];
    const history = await until(async () => {
      const found = await historyOf(storeUrl, restUrl).catch(() => undefined);
      return found?.trades.has(String(told.at(-1)!.id)) && found;
    }, "the venue's last trade is stored");
    expect(history.rows).toBe(history.trades.size);
    const ids = [...history.trades.keys()].map(Number).sort((a, b) => a - b);
    expect(ids).toEqual(told.map(({ id }) => id).filter((id) => id >= ids[0]!));
    plant.interrupt();
    expect(await plant.ended).toEqual({ code: 0, signal: null });
  }, 240_000);
});
