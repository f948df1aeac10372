import { afterEach, describe, expect, it } from "vitest";
import { oraclesConfig } from "../../../infra/config/oracle-config.js";
import { readAccumulatorUpdate } from "../../../ingest/oracles/pyth/accumulator-update.js";
import { pythSource } from "../../../ingest/oracles/pyth/pyth-source.js";
import { signerOf } from "../../../ingest/oracles/pyth/signers.js";
import { readVaa } from "../../../ingest/oracles/pyth/vaa.js";
import { sourceCases } from "../../conformance/source-table.js";
import { hermesServer } from "./hermes-server.js";
import { asOfPythnet, hermesUpdates } from "./hermes-updates.js";
import { oracleRig } from "./oracle-rig.js";

const updates = hermesUpdates();
const bitcoin = "e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43";
const books = "an oracle has no book";
const conforms = sourceCases("pyth", {
  V02: "one request names all feeds",
  V04: "an oracle has no quote",
  ...{ V05: books, V06: books, V07: books },
  V13: "Hermes announces no end",
  V17: "feeds are configured; one that is given up is stale",
});
const patience = { timeout: 10_000, interval: 20 };
const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function hermes() {
  const server = await hermesServer();
  ends.push(server.stop);
  return server;
}

async function begin(url: string, more: object = {}) {
  const { pyth } = oraclesConfig.parse({
    pyth: [{ url, feeds: [{ symbol: "BTC/USD", feedId: `0x${bitcoin}` }], ...asOfPythnet, ...more }],
  });
  const rig = await oracleRig(pythSource({ ...pyth[0]!, backoff: { baseMs: 20, capMs: 50 } }));
  ends.push(() => rig.stop());
  return { ...rig, texts: async () => (await rig.prices()).map(({ price }) => price) };
}

const byBitcoin = updates.filter(({ decoded }) => decoded.some(({ id }) => id === bitcoin));
/** By time: what is older than the last is no news. */
const inOrder = [...byBitcoin].sort((a, b) => a.slot - b.slot);
const priceOf = ({ decoded }: (typeof updates)[number]) =>
  (Number(decoded.find(({ id }) => id === bitcoin)!.price) / 1e8).toFixed(8).replace(/\.?0+$/, "");

describe("streamed updates", () => {
  conforms(
    "V01 V03 V08 V09 V15 V18",
    "become prices of the feeds that are wanted, each once, with confidence",
    async () => {
      const server = await hermes();
      const { texts, prices, ingest, dropped } = await begin(server.url);
      await expect.poll(() => server.streams.size, patience).toBe(1);
      expect(server.asked[0]!.searchParams.getAll("ids[]")).toEqual([bitcoin]);
      expect(server.asked[0]!.searchParams.get("encoding")).toBe("hex");
      server.send(...inOrder.map(({ bytes }) => bytes));
      await expect.poll(async () => (await texts()).length, patience).toBe(inOrder.length);
      expect(await texts()).toEqual(inOrder.map(priceOf));
      expect((await prices())[0]).toMatchObject({
        exchange: "pyth",
        symbol: "BTC/USD",
        price: "61409.93501",
        confidence: "32.87868567",
        exchangeTime: 1_714_746_101_000_000,
        roundId: "138881186",
      });
      expect(ingest.isReady).toBe(true);
      // repeated, and older than the last
      server.send(inOrder.at(-1)!.bytes, inOrder[0]!.bytes);
      await expect.poll(() => dropped("older"), patience).toBe(1);
      expect(await texts()).toHaveLength(inOrder.length);
    },
  );

  conforms("V11", "that were tampered with are refused with their reason, and the next is taken", async () => {
    const server = await hermes();
    const { texts, letters } = await begin(server.url);
    await expect.poll(() => server.streams.size, patience).toBe(1);
    const { bytes } = inOrder[0]!;
    const tampered = Buffer.from(bytes);
    tampered[bytes.indexOf(readAccumulatorUpdate(bytes).messages[0]!.message) + 38]! ^= 1;
    server.send(tampered, "no json", bytes);
    await expect.poll(texts, patience).toEqual([priceOf(inOrder[0]!)]);
    await expect.poll(async () => (await letters()).length, patience).toBe(2);
    const [first, second] = await letters();
    expect(first).toMatchObject({ exchange: "pyth", reason: "unreadable_update" });
    expect(first!.detail).toMatch(/proof of message 0 does not lead to the root/);
    expect(Buffer.from(first!.original)).toEqual(tampered);
    expect(Buffer.from(second!.original).toString()).toBe("no json");
  });

  conforms("V10 V19", "are asked for anew when the server ends or falls silent", async () => {
    const server = await hermes();
    const { texts, ingest } = await begin(server.url, { silenceMs: 500 });
    await expect.poll(() => server.streams.size, patience).toBe(1);
    server.send(inOrder[0]!.bytes);
    await expect.poll(texts, patience).toHaveLength(1);
    for (const stream of server.streams) stream.end();
    await expect.poll(() => server.asked.length, patience).toBe(2);
    // silent
    await expect.poll(() => server.asked.length, patience).toBe(3);
    expect(ingest.isReady).toBe(false);
    server.send(inOrder[1]!.bytes);
    await expect.poll(texts, patience).toHaveLength(2);
    expect(ingest.isReady).toBe(true);
  });

  it("need the signatures of the set that is given", async () => {
    const vaa = readVaa(readAccumulatorUpdate(inOrder[0]!.bytes).vaa);
    const addresses = Array.from({ length: 19 }, (_, at) => `0x${String(at).padStart(40, "1")}`);
    for (const { signer, signature } of vaa.signatures) addresses[signer] = (await signerOf(vaa, signature))!;
    const server = await hermes();
    const right = await begin(server.url, { signerSets: [{ index: 4, addresses, quorum: 13 }] });
    const wrong = await begin(server.url, {
      id: "pyth2",
      signerSets: [{ index: 4, addresses: addresses.toReversed(), quorum: 13 }],
    });
    await expect.poll(() => server.streams.size, patience).toBe(2);
    server.send(inOrder[0]!.bytes);
    await expect.poll(right.texts, patience).toHaveLength(1);
    await expect.poll(async () => (await wrong.letters()).length, patience).toBe(1);
    expect((await wrong.letters())[0]!.detail).toMatch(/is not that of signer/);
    expect(await wrong.texts()).toEqual([]);
  });
});

conforms("V12", "polled updates become prices, and a server that fails is asked again", async () => {
  const server = await hermes();
  const { texts, ingest } = await begin(server.url, { mode: "poll", pollMs: 100 });
  await expect.poll(() => server.asked.length, patience).toBeGreaterThan(1);
  expect(ingest.isReady).toBe(false);
  server.answer(inOrder[0]!.bytes);
  await expect.poll(texts, patience).toHaveLength(1);
  expect(ingest.isReady).toBe(true);
  server.answer(inOrder[1]!.bytes);
  await expect.poll(texts, patience).toEqual(inOrder.slice(0, 2).map(priceOf));
});
