import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { entryPoint } from "../../../infra/entry-point.js";
import { runSimulators, type SimulatorReady } from "../../../ingest/simulator/main.js";
import { Simulator } from "../../../ingest/simulator/server.js";
import { getJson } from "./stream-client.js";

let child: ChildProcess | undefined;

afterEach(() => {
  child?.kill("SIGKILL");
});

test("two simulators run in one child process, say where they listen, and end with SIGTERM", async () => {
  const commands = [
    { name: "one", dialect: "spot", symbols: ["BTC/USDT"] },
    { name: "two", dialect: "usdm", symbols: ["BTC/USDT", "ETH/USDT"] },
  ];
  child = fork(entryPoint("ingest/simulator/simulator-process.js"), [JSON.stringify(commands)]);
  const [ready] = (await once(child, "message")) as [SimulatorReady[]];
  expect(ready.map(({ name }) => name)).toEqual(["one", "two"]);
  const spot = await getJson<{ symbols: object[] }>(`${ready[0]!.restUrl}/api/v3/exchangeInfo`);
  const usdm = await getJson<{ symbols: object[] }>(`${ready[1]!.restUrl}/fapi/v1/exchangeInfo`);
  expect([spot.symbols.length, usdm.symbols.length]).toEqual([1, 2]);
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
});

test("when one of several can not start, the others are stopped and the error is told", async () => {
  const taken = await Simulator.start({ symbols: ["BTC/USDT"] });
  try {
    await expect(runSimulators([{ port: 0 }, { port: taken.port }])).rejects.toThrow("EADDRINUSE");
    await expect(Simulator.start({ symbols: ["BTCUSDT"] })).rejects.toMatchObject({ code: "TP_SIMULATOR_SYMBOL" });
  } finally {
    await taken.stop();
  }
});
