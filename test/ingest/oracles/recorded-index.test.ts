import { expect, it } from "vitest";
import { tickOfRound } from "../../../ingest/oracles/chainlink/round.js";
import { ReplaySource } from "../../../ingest/replay/replay-source.js";
import type { IndexSettings } from "../../../processors/settings.js";
import type { Index } from "../../../schemas/messages.js";
import type { OracleTick, RawTick } from "../../../schemas/ticks.js";
import { heartbeat } from "../../processors/market-ticks.js";
import { csvOf, seldom } from "../../processors/raw-recording.js";
import { plant } from "../../processors/task-rig.js";
import { recording } from "../../recordings.js";

const DAY = Date.UTC(2024, 0, 5) * 1000;
const HOUR = 3_600_000_000;
const pools = ["0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640", "0x8ad599c3a0ff1de082011efddc58f1908eb6e6d8"];

/** Chainlink's answers of the recorded half day, and the one before it, as they came. */
function answers(): OracleTick[] {
  const feed = { exchange: "chainlink", symbol: "ETH/USD", decimals: 8 };
  const rows = csvOf("ape-chainlink-fetcher/ETH-USD_0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419.csv.gz");
  const ticks = rows.flatMap(({ round, answer, start, update, answeredInRound }) => {
    const time = Number(update) * 1_000_000;
    const of = (text: string | undefined) => BigInt(text!.trim());
    const tick = tickOfRound(
      {
        roundId: of(round),
        answer: of(answer),
        startedAt: of(start),
        updatedAt: of(update),
        answeredInRound: of(answeredInRound),
      },
      feed,
      Math.max(time, 1),
    );
    return "reason" in tick || time < DAY - HOUR || time > DAY + 12 * HOUR ? [] : [tick];
  });
  return ticks.sort((a, b) => a.receiveTime - b.receiveTime);
}

async function swaps(): Promise<RawTick[]> {
  const files = pools.map((pool) => recording(`demeter-fetch/ethereum-${pool}-2024-01-05.raw.csv.00-12h.gz`));
  const all: RawTick[] = [];
  for (const file of files) {
    for await (const batch of new ReplaySource({ files: [file] }).batches()) all.push(...batch);
  }
  // each replay has heartbeats of its own, which know nothing of the other's connections
  return all.filter((tick) => tick.kind !== "heartbeat");
}

it("an index of recorded swaps is as near to the recorded oracle as Chainlink promises, but for one block", async () => {
  const index = (name: string, maxDeviation: string): IndexSettings => ({
    ...{ name, gridMs: 1000, outlierBand: "0.1", staleAfterMs: 900_000, minimumConstituents: 1, scale: 8 },
    constituents: ["uniswap-v3-500", "uniswap-v3-3000"].map((exchange) => ({
      ...{ exchange, symbol: "WETH/USDC", weight: "1" },
    })),
    guards: [{ exchange: "chainlink", symbol: "ETH/USD", maxDeviation, staleAfterMs: 3_900_000 }],
  });
  // a new answer comes at half a per cent; pools lie within their fees of each other
  const indices = [index("promised", "0.01"), index("nearer", "0.001")];
  const statuses: Record<string, Record<string, number>> = { promised: {}, nearer: {} };
  const strayed: string[] = [];
  const whole = plant(
    ({ topic, json }) => {
      if (topic !== "market.index") return;
      const { name, status, timestamp } = JSON.parse(json) as Index;
      if (timestamp < DAY + 60_000_000) return;
      statuses[name]![status] = (statuses[name]![status] ?? 0) + 1;
      if (name === "promised" && status === "deviates") strayed.push(new Date(timestamp / 1000).toISOString());
    },
    { ...seldom, indices },
  );
  const oracle = answers();
  expect(oracle.length).toBeGreaterThan(12);
  const ticks = [...oracle, ...(await swaps())].sort((a, b) => a.receiveTime - b.receiveTime);
  for (const tick of ticks) whole.publish(tick);
  whole.publish(heartbeat(DAY + 12 * HOUR));
  // a fall of 1.6 per cent in one block, at the end of which the answer came
  expect(strayed).toHaveLength(12);
  expect([strayed[0], strayed[11]]).toEqual(["2024-01-05T01:49:00.000Z", "2024-01-05T01:49:11.000Z"]);
  expect(Object.keys(statuses.promised!)).toEqual(["live", "deviates"]);
  expect(statuses.promised!.live).toBeGreaterThan(40_000);
  expect(statuses.nearer!.deviates).toBeGreaterThan(1_000);
  expect(statuses.nearer!.live).toBeGreaterThan(1_000);
}, 300_000);
