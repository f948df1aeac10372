import { Writable } from "node:stream";
import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { oraclesConfig } from "../../../infra/config/oracle-config.js";
import { pythSource } from "../../../ingest/oracles/pyth/pyth-source.js";
import { sourceCases } from "../../conformance/source-table.js";
import { hermesServer } from "./hermes-server.js";
import { oracleRig } from "./oracle-rig.js";
import { type PriceChoice, signedUpdate, TestSigners } from "./signed-updates.js";

const patience = { timeout: 10_000, interval: 20 };
const conforms = sourceCases("pyth server", {});
const feed = (number: number) => number.toString(16).padStart(64, "0");
const symbol = (number: number) => `C${number}/USD`;
const old = new TestSigners(0, 1);
const next = new TestSigners(1, 2);
const signerSets = [old, next].map(({ index, addresses }) => ({ index, addresses }));
const start = 1_791_030_000;
const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function hermes() {
  const server = await hermesServer();
  ends.push(server.stop);
  return server;
}

/** @param count of feeds, numbered from 1 */
async function begin(url: string, count: number, more: object = {}) {
  const feeds = Array.from({ length: count }, (_, at) => ({ symbol: symbol(at + 1), feedId: feed(at + 1) }));
  const { pyth } = oraclesConfig.parse({ pyth: [{ url, feeds, signerSets, ...more }] });
  const lines: string[] = [];
  const lineOf = (chunk: unknown, _encoding: unknown, done: () => void) => {
    lines.push(String(chunk));
    done();
  };
  const logger = pino({ level: "debug" }, new Writable({ write: lineOf }));
  const rig = await oracleRig(pythSource({ ...pyth[0]!, backoff: { baseMs: 20, capMs: 50 } }), undefined, { logger });
  ends.push(() => rig.stop());
  const told = async () => (await rig.prices()).map((tick) => `${tick.symbol} ${tick.price}`);
  return { ...rig, lines, told, named: () => namedFeeds(lines) };
}

const namedFeeds = (lines: readonly string[]) =>
  lines.flatMap((line) => {
    const { code, feedId } = JSON.parse(line) as { code?: string; feedId?: string };
    return code === "TP_ORACLE_FEED_INVALID" ? [Number(`0x${feedId}`)] : [];
  });

const update = (seconds: number, prices: readonly PriceChoice[], signers = next) =>
  signedUpdate({ signers, prices, publishTime: start + seconds, slot: BigInt(seconds) });
const priceOf = (number: number, price = 100_000_000n): PriceChoice => ({ feedId: feed(number), price });

it("prices go on through a rotation of the set while the plant runs", async () => {
  const server = await hermes();
  const { told, letters, ingest } = await begin(server.url, 1);
  await expect.poll(() => server.streams.size, patience).toBe(1);
  server.send(await update(1, [priceOf(1, 1n)], old), await update(2, [priceOf(1, 2n)], old));
  server.send(await update(3, [priceOf(1, 3n)], next), await update(4, [priceOf(1, 4n)], old));
  server.send(await update(5, [priceOf(1, 5n)], new TestSigners(2, 3)), await update(6, [priceOf(1, 6n)], next));
  await expect.poll(told, patience).toEqual([1, 2, 3, 4, 6].map((price) => `${symbol(1)} 0.0000000${price}`));
  expect(ingest.isReady).toBe(true);
  expect((await letters()).map(({ reason, detail }) => [reason, detail])).toEqual([
    ["unreadable_update", expect.stringContaining("signed by set 2, and signerSets has 0, 1")],
  ]);
  expect(server.asked).toHaveLength(1);
});

describe.each(["stream", "poll"])("by %s", (mode) => {
  const settings = { mode, pollMs: 100, key: "a key/of+ours" };
  const tell = (server: Awaited<ReturnType<typeof hermes>>, bytes: Buffer) =>
    mode === "stream" ? server.send(bytes) : server.answer(bytes);

  it("the key goes with every request, and stands nowhere else", async () => {
    const server = await hermes();
    server.rules.key = settings.key;
    server.rules.unknown.add(feed(2));
    const { told, lines } = await begin(server.url, 2, settings);
    if (mode === "stream") await expect.poll(() => server.streams.size, patience).toBe(1);
    tell(server, await update(1, [priceOf(1)]));
    await expect.poll(told, patience).toEqual([`${symbol(1)} 1`]);
    expect(lines.join("")).not.toMatch(/key.of.ours/);
  });

  it("a key that is missing is told as such, and no feed is blamed", async () => {
    const server = await hermes();
    server.rules.key = "another";
    const { lines, named, ingest } = await begin(server.url, 3, { ...settings, key: "wrong" });
    await expect.poll(() => lines.join(""), patience).toMatch(/TP_HERMES_REFUSED.*answers 401.*is `key` right/);
    expect(named()).toEqual([]);
    expect(ingest.isReady).toBe(false);
    server.rules.key = "wrong";
    tell(server, await update(1, [priceOf(1)]));
    await expect.poll(() => (mode === "stream" ? server.streams.size : 1), patience).toBe(1);
    tell(server, await update(1, [priceOf(1)]));
    await expect.poll(() => ingest.isReady, patience).toBe(true);
  });

  conforms(
    mode === "stream" ? "V16" : "V16",
    "feeds that the server does not know are named, and hold up no other",
    async () => {
      const server = await hermes();
      for (const number of [2, 5]) server.rules.unknown.add(feed(number));
      const { told, named, ingest } = await begin(server.url, 5, { ...settings, retryRefusedSeconds: 1 });
      if (mode === "stream") await expect.poll(() => server.streams.size, patience).toBe(1);
      tell(
        server,
        await update(
          1,
          [1, 3, 4].map((number) => priceOf(number)),
        ),
      );
      await expect.poll(told, patience).toEqual([1, 3, 4].map((number) => `${symbol(number)} 1`));
      expect(new Set(named())).toEqual(new Set([2, 5]));
      expect(ingest.isReady).toBe(true);
      // one of them is listed later
      server.rules.unknown.delete(feed(5));
      let seconds = 2;
      await expect
        .poll(async () => {
          tell(server, await update(seconds++, [priceOf(1), priceOf(5)]));
          return (
            (await told()).some((text) => text.startsWith(symbol(5))) &&
            server.asked.at(-1)!.searchParams.getAll("ids[]")
          );
        }, patience)
        .toEqual([1, 3, 4, 5].map(feed));
    },
  );

  it("feeds that the key has no right to are found, though the server does not say which", async () => {
    const server = await hermes();
    for (const number of [4, 7, 8]) server.rules.forbidden.add(feed(number));
    server.rules.unknown.add(feed(1));
    server.answer(await update(1, [priceOf(2)]));
    const { named, told } = await begin(server.url, 9, settings);
    const served = [2, 3, 5, 6, 9];
    await expect.poll(() => new Set(named()), patience).toEqual(new Set([1, 4, 7, 8]));
    if (mode === "stream") await expect.poll(() => server.streams.size, patience).toBe(1);
    const prices = served.map((number) => priceOf(number, 300_000_000n));
    tell(server, await update(2, prices));
    const wanted = served.map((number) => `${symbol(number)} 3`);
    await expect.poll(async () => (await told()).filter((text) => text.endsWith(" 3")), patience).toEqual(wanted);
  });

  it("a feed without a price holds up none of its update", async () => {
    const server = await hermes();
    const { told, letters } = await begin(server.url, 3, settings);
    if (mode === "stream") await expect.poll(() => server.streams.size, patience).toBe(1);
    tell(server, await update(1, [priceOf(1), priceOf(2, 0n), priceOf(3)]));
    await expect.poll(told, patience).toEqual([`${symbol(1)} 1`, `${symbol(3)} 1`]);
    await expect.poll(async () => (await letters())[0]?.detail, patience).toContain(`feed ${feed(2)} has the price 0`);
  });
});

it("none of the feeds known is not ready, and asks again", async () => {
  const server = await hermes();
  server.rules.unknown.add(feed(1));
  const { named, ingest, told } = await begin(server.url, 1, { retryRefusedSeconds: 1 });
  await expect.poll(named, patience).toEqual([1]);
  expect(ingest.isReady).toBe(false);
  server.rules.unknown.clear();
  await expect.poll(() => server.streams.size, patience).toBe(1);
  server.send(await update(1, [priceOf(1)]));
  await expect.poll(told, patience).toEqual([`${symbol(1)} 1`]);
});

conforms(
  "V14",
  "a stream that the server ends for its age is opened anew, and its word is no dead letter",
  async () => {
    const server = await hermes();
    const { told, letters, lines } = await begin(server.url, 1);
    await expect.poll(() => server.streams.size, patience).toBe(1);
    server.send(await update(1, [priceOf(1)]));
    await expect.poll(told, patience).toHaveLength(1);
    server.complain("Connection timeout reached (24h)");
    await expect.poll(() => server.asked.length, patience).toBe(2);
    await expect.poll(() => server.streams.size, patience).toBe(1);
    server.send(await update(2, [priceOf(1, 2n)]));
    await expect.poll(told, patience).toHaveLength(2);
    expect(await letters()).toEqual([]);
    expect(lines.join("")).toContain("Hermes says: Connection timeout reached (24h)");
  },
);

it("of two prices of one second the one of the later slot stands", async () => {
  const server = await hermes();
  const { told, dropped } = await begin(server.url, 1);
  await expect.poll(() => server.streams.size, patience).toBe(1);
  const slots = [99n, 100n, 98n, 101n];
  for (const slot of slots) {
    server.send(await signedUpdate({ signers: next, prices: [priceOf(1, slot)], publishTime: start, slot }));
  }
  const wanted = ["0.00000099", "0.000001", "0.00000101"].map((price) => `${symbol(1)} ${price}`);
  await expect.poll(told, patience).toEqual(wanted);
  expect(await dropped("older")).toBe(1);
});
