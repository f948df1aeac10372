import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Index } from "../../schemas/messages.js";
import { hermesServer } from "../ingest/oracles/hermes-server.js";
import { asOfPythnet, hermesUpdates } from "../ingest/oracles/hermes-updates.js";
import { PlantProcess, temporaryFolder, testConfig, until } from "./plant-process.js";

const key = "a-key-for-this-test-alone";
const [update] = hermesUpdates();
const ends: (() => unknown)[] = [];
let restUrl = "";

beforeAll(async () => {
  const server = await hermesServer();
  ends.push(server.stop);
  server.answer(update!.bytes);
  const folders = await temporaryFolder();
  ends.push(() => folders.remove());
  const feeds = [{ symbol: "BTC/USD", feedId: update!.decoded[0]!.id as string }];
  const constituents = [{ exchange: "desk", symbol: "BTC/USDT" }];
  const guard = (maxDeviation: string, staleAfterMs: number) => {
    return { constituents, guards: [{ exchange: "pyth", symbol: "BTC/USD", maxDeviation, staleAfterMs }] };
  };
  // the recorded price is of 2024
  const ever = 10 * 365 * 86_400_000;
  const config = testConfig({
    dataFolder: join(folders.folder, "data"),
    ingest: {
      endpoint: { keys: [{ name: "desk", key, exchanges: ["desk"] }] },
      oracles: { pyth: [{ url: server.url, mode: "poll", pollMs: 100, feeds, ...asOfPythnet }] },
    },
    process: {
      indices: [
        { name: "wide", ...guard("0.02", ever) },
        { name: "narrow", ...guard("0.005", ever) },
        { name: "fresh", ...guard("0.02", 60_000) },
      ],
    },
  });
  const plant = await PlantProcess.start(config);
  ends.push(() => plant.kill());
  ({ restUrl } = await plant.running());
}, 120_000);
afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

it("indices are held against an oracle's price, from its server to REST", async () => {
  // 61632.60 of the oracle, and one per cent more
  const quote = { kind: "quote", exchange: "desk", symbol: "BTC/USDT", bid_qty: "1", ask_qty: "1" };
  const found = await until(async () => {
    const body = JSON.stringify({
      ...{ ...quote, bid_price: "62248.92", ask_price: "62248.94", exchange_time: Date.now() * 1000 },
    });
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/x-ndjson" };
    await fetch(`${restUrl}/v1/ingest`, { method: "POST", body, headers });
    const indices = (await (await fetch(`${restUrl}/v1/indices`)).json()) as Index[];
    // the first heartbeats say that the oracle is not connected yet
    const isThere = ({ value, constituents: [, oracle] }: Index) =>
      value !== null && oracle?.price != null && oracle.reason !== "guard_feed_down";
    const all = indices.length === 3 && indices.every(isThere);
    return all && new Map(indices.map((index) => [index.name, index]));
  }, "indices with a guard's price");
  const seen = (name: string) => {
    const { value, status, constituents } = found.get(name)!;
    return { value, status, guard: constituents[1]!.reason, price: constituents[1]!.price };
  };
  const common = { value: "62248.93", price: "61632.6" };
  expect(seen("wide")).toEqual({ ...common, status: "live", guard: "guard" });
  expect(seen("narrow")).toEqual({ ...common, status: "deviates", guard: "guard_deviates" });
  expect(seen("fresh")).toEqual({ ...common, status: "unguarded", guard: "guard_stale" });
});
