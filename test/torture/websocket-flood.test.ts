import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { freePort, PlantProcess, pause, signalGroup, temporaryFolder, testConfig } from "../plant/plant-process.js";

/** Seconds of each turn, and how many pairs of turns: quiet and flooded in turn, so that the machine's moods are shared. */
const turnSeconds = 5;
const pairs = Math.max(4, Math.round(Number(process.env.TICKPLANT_TORTURE_SECONDS ?? 120) / (2 * turnSeconds)));
const symbols = ["BTC/USDT", "ETH/USDT"];
const flooding = fileURLToPath(new URL("./flooding-client.mjs", import.meta.url));

const quantile = (sorted: readonly number[], share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;

/** Milliseconds from the exchange's time of each trade to the client. */
class HonestClient {
  latencies: number[] = [];

  constructor(url: string) {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    const channels = symbols.map((symbol) => `trade:${symbol}@binance`);
    socket.on("open", () => socket.send(JSON.stringify({ op: "subscribe", id: 1, channels })));
    socket.on("message", (bytes: Buffer) => {
      const { data } = JSON.parse(bytes.toString()) as { data?: { timestamp: number } };
      if (data !== undefined) this.latencies.push(Date.now() - data.timestamp / 1000);
    });
  }

  async during(seconds: number): Promise<number[]> {
    this.latencies = [];
    await pause(seconds * 1000);
    return this.latencies;
  }
}

test("a flooding client moves an honest client's p99 by less than a quarter", async () => {
  const { folder, remove } = await temporaryFolder();
  const venue = await freePort();
  const config = testConfig({
    dataFolder: `${folder}/data`,
    simulator: { venues: [{ id: "binance", port: venue, dialect: "spot", symbols, rate: 300 }] },
    ingest: {
      venues: [{ id: "binance", restUrl: `http://127.0.0.1:${venue}`, wsUrl: `ws://127.0.0.1:${venue}`, symbols }],
    },
  });
  const plant = await PlantProcess.start(config);
  let flooder: ChildProcess | undefined;
  try {
    const { webSocketUrl, restUrl } = await plant.running();
    const honest = new HonestClient(webSocketUrl);
    await honest.during(10);
    expect(honest.latencies.length).toBeGreaterThan(100);
    const quiet: number[] = [];
    const flooded: number[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      quiet.push(...(await honest.during(turnSeconds)));
      flooder = spawn(process.execPath, [flooding, webSocketUrl], { stdio: "ignore" });
      await pause(500);
      flooded.push(...(await honest.during(turnSeconds)));
      flooder.kill("SIGKILL");
      await pause(500);
    }
    for (const latencies of [quiet, flooded]) latencies.sort((a, b) => a - b);
    const of = (latencies: readonly number[]) =>
      `p50 ${quantile(latencies, 0.5).toFixed(1)} ms, p99 ${quantile(latencies, 0.99).toFixed(1)} ms of ${latencies.length}`;
    const metrics = await (await fetch(`${restUrl}/metrics`)).text();
    const refused = /place="push",reason="tp_channel_unknown"\} (\d+)/.exec(metrics)?.[1];
    console.log(`quiet: ${of(quiet)}; flooded: ${of(flooded)}; ${refused} bad names were looked at`);
    expect(Number(refused)).toBeGreaterThan(1_000);
    expect(quantile(flooded, 0.99)).toBeLessThan(1.25 * quantile(quiet, 0.99));
  } finally {
    flooder?.kill("SIGKILL");
    if (signalGroup(plant.child.pid!, 0)) await plant.kill();
    await remove();
  }
});
