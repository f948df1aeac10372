import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { query } from "./outputs.js";
import { freePort, mainFile, PlantProcess, pause, temporaryFolder, testConfig, until } from "./plant-process.js";
import { Ballast, isMounted, SmallDisk, seenBy } from "./small-disk.js";

const key = "a-key-for-a-small-disk";
const SYMBOLS = ["BTC/USDT", "ETH/USDT", "币安人生/USDT"];
const LINES = 100;
/** Longer than a start of the store that hangs, and the one after it. */
const RECOVERS_MS = 120_000;

export interface DiskRounds {
  /** Trades that the plant said to have accepted, those that are in history, and rows of these beyond one each. */
  readonly acknowledged: number;
  readonly stored: number;
  readonly doubled: number;
  /** Milliseconds from the freeing of the disk until the plant was ready and took ticks again. */
  readonly back: readonly number[];
  /** What /readyz said while the disk was full. */
  readonly reasons: readonly string[];
  readonly waits: number;
}

/** Fills the disk of an embedded plant to the last byte and frees it, so many times, while trades are posted. */
export async function fillAndFree(rounds: number, fullMs: number): Promise<DiskRounds> {
  const folders = await temporaryFolder();
  const disk = join(folders.folder, "disk");
  await mkdir(disk);
  const config = testConfig({
    dataFolder: join(disk, "data"),
    store: { port: await freePort() },
    ingest: { endpoint: { linesPerSecond: 100_000, keys: [{ name: "desk", key, exchanges: ["desk"] }] } },
    log: { segmentBytes: 256 * 1024 },
  });
  const file = join(folders.folder, "config.yaml");
  await writeFile(file, JSON.stringify(config));
  const { command, args } = new SmallDisk(disk, "size=192m", process.execPath, [mainFile, "start", "--config", file]);
  const plant = PlantProcess.of(command, args);
  try {
    const { restUrl, storeUrl } = await plant.running();
    const pid = plant.child.pid!;
    if (!isMounted(pid, disk)) throw new Error("the small disk is not mounted");
    const ballast = new Ballast(seenBy(pid, disk));
    const load = new Load(restUrl);
    const back: number[] = [];
    const reasons: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const before = load.acknowledged;
      await until(() => plant.hasEnded || load.acknowledged > before + 2_000, "trades under way");
      const end = Date.now() + fullMs;
      let said = "";
      while (Date.now() < end || said === "") {
        // what is freed by retention or a merge is taken, too
        ballast.fill();
        said ||= (await readiness(restUrl)).reasons.find((reason) => reason.includes("disk is full")) ?? "";
        if (plant.hasEnded || Date.now() > end + 60_000) throw new Error(`no word of a full disk: ${plant.stderr}`);
        await pause(100);
      }
      reasons.push(said);
      const full = load.acknowledged;
      ballast.free();
      const freed = performance.now();
      await until(
        async () => load.acknowledged > full && (await readiness(restUrl)).ready,
        () => plant.stderr,
        RECOVERS_MS,
      );
      back.push(performance.now() - freed);
    }
    await load.stop();
    const count = async (what: string) =>
      Number(await query(storeUrl, `SELECT ${what} FROM tickplant.trades WHERE exchange = 'desk'`));
    // the engine begins anew when there is room again, and does not answer for a moment
    const stored = await until(
      async () => {
        const found = await count("uniqExact(trade_id)").catch(() => 0);
        return found >= load.acknowledged && found;
      },
      () => plant.stderr,
    );
    const metrics = await (await fetch(`${restUrl}/metrics`)).text();
    const waits = [...metrics.matchAll(/^tickplant_disk_waits_total\{[^}]*\} (\d+)/gm)];
    return {
      acknowledged: load.acknowledged,
      stored,
      doubled: (await count("count()")) - stored,
      back,
      reasons,
      waits: waits.reduce((sum, [, value]) => sum + Number(value), 0),
    };
  } finally {
    await plant.kill();
    await folders.remove();
  }
}

async function readiness(restUrl: string): Promise<{ ready: boolean; reasons: string[] }> {
  return (await (await fetch(`${restUrl}/readyz`)).json()) as { ready: boolean; reasons: string[] };
}

/** Posts trades, each until it is accepted. */
class Load {
  acknowledged = 0;
  private stopped = false;
  private readonly running: Promise<void>;

  constructor(private readonly restUrl: string) {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async run(): Promise<void> {
    for (let first = 1; !this.stopped; first += LINES) {
      const time = Date.now() * 1000;
      const lines = Array.from({ length: LINES }, (_, at) => this.line(first + at, time));
      while (!(await this.post(lines))) await pause(50);
      this.acknowledged += LINES;
      await pause(5);
    }
  }

  private line(id: number, time: number): string {
    const symbol = SYMBOLS[id % SYMBOLS.length];
    const trade = { kind: "trade", exchange: "desk", symbol, trade_id: `${id}`, price: `${100 + (id % 7)}`, qty: "1" };
    return JSON.stringify({ ...trade, side: "buy", exchange_time: time });
  }

  private async post(lines: readonly string[]): Promise<boolean> {
    const response = await fetch(`${this.restUrl}/v1/ingest`, {
      method: "POST",
      body: lines.join("\n"),
      headers: { authorization: `Bearer ${key}`, "content-type": "application/x-ndjson" },
    });
    const body = (await response.json()) as { accepted?: number };
    return response.status === 200 && body.accepted === lines.length;
  }
}
