import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { expect, it } from "vitest";
import { secretFile } from "../../../infra/store/store-secret.js";
import { trade } from "../../conformance/store-contract.js";
import { openEmbeddedStore } from "./embedded-store.js";

const endless = "SELECT count() FROM numbers(1000000000000) WHERE number % 7 = 9";
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
};

it("a child that hangs is known to, and is replaced; what was acknowledged is there and nobody's write is lost", async () => {
  let restarted: () => void = () => undefined;
  const again = new Promise<void>((resolve) => {
    restarted = resolve;
  });
  const opened = await openEmbeddedStore({ requestTimeoutMs: 60_000 }, { onRestart: () => restarted() });
  await opened.store.migrate();
  const list = Array.from({ length: 50 }, (_, index) => trade("hung", index + 1));
  await opened.store.insert("market.trade", list);
  expect(await opened.store.ping()).toBe(true);
  expect(opened.server.trouble).toBeUndefined();
  const hangs = opened.server.pid!;
  process.kill(hangs, "SIGSTOP");
  const pinged = opened.store.ping();
  const waiting = opened.store.insert("market.trade", [trade("hung", 51)]).then(
    () => "stored",
    (error: { code: string }) => error.code,
  );
  await until(() => opened.server.trouble !== undefined);
  expect(opened.server.trouble).toMatch(/has not answered for 3 s/);
  expect(await pinged).toBe(false);
  await again;
  // who wrote into the hanging one is told to try again
  expect(await waiting).toBe("TP_STORE_UNAVAILABLE");
  expect(opened.server.pid).not.toBe(hangs);
  expect(opened.server.trouble).toBeUndefined();
  await opened.store.insert("market.trade", [trade("hung", 51)]);
  const range = { exchange: "hung", symbol: "BTC/USDT", limit: 1000 };
  expect(await opened.store.trades(range)).toHaveLength(51);
  await opened.close();
});

it("a long query is no hang, history does not wait for it, and stopping does neither", async () => {
  const opened = await openEmbeddedStore();
  await opened.store.migrate();
  const long = Array.from({ length: 6 }, async () =>
    (await fetch(opened.url, { method: "POST", body: endless })).text().catch(() => "cut off"),
  );
  // each second that passes is one health query, beside three queries that run and three that wait
  const { pid } = opened.server;
  for (let second = 0; second < 5; second += 1) {
    await opened.store.klines({ exchange: "a", symbol: "b", interval: "1m", limit: 1 });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(opened.server.trouble).toBeUndefined();
  }
  expect(opened.server.pid).toBe(pid);
  const file = secretFile(`${opened.folder}/chdb`);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const began = performance.now();
  await opened.server.stop();
  const stopMs = Math.round(performance.now() - began);
  console.log(`stopped in ${stopMs} ms`);
  expect(stopMs).toBeLessThan(5_000);
  expect((await Promise.all(long.map((one) => one.catch(() => "cut off")))).every((text) => !/^\d/.test(text))).toBe(
    true,
  );
  expect(existsSync(file)).toBe(false);
  await opened.close();
});

it("stopping a child that hangs takes no longer", async () => {
  const opened = await openEmbeddedStore();
  process.kill(opened.server.pid!, "SIGSTOP");
  const began = performance.now();
  await opened.close();
  expect(performance.now() - began).toBeLessThan(5_000);
});
