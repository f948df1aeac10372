import { MessageChannel, Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import type { Bus, BusHandler, BusMessage } from "../../infra/bus/bus.js";
import { EmbeddedBus } from "../../infra/bus/embedded-bus.js";
import { ThreadBus } from "../../infra/bus/thread-bus.js";
import { entryPoint } from "../../infra/entry-point.js";
import { busContract, Listener } from "../conformance/bus-contract.js";

const trades = (from: number, to: number, size = 10): BusMessage[] =>
  Array.from({ length: to - from + 1 }, (_, i) => {
    return { channel: "trade:A", kind: "event", epoch: 1, sequence: from + i, payload: "x".repeat(size) };
  });

async function follow(bus: Bus, handler: BusHandler): Promise<void> {
  const subscription = await bus.subscribe(handler);
  await subscription.add("trade:A");
}

function joined() {
  const hub = new EmbeddedBus();
  const { port1, port2 } = new MessageChannel();
  hub.attach(port1);
  const bus = new ThreadBus(port2);
  const cleanup = async () => {
    await bus.close();
    await hub.close();
  };
  return { hub, bus, cleanup };
}

busContract("EmbeddedBus", async () => {
  const bus = new EmbeddedBus();
  return { bus, cleanup: () => bus.close() };
});

busContract("ThreadBus", async () => joined());

test("a subscriber that throws does not keep the others from their messages", async () => {
  const bus = new EmbeddedBus();
  const listener = new Listener();
  const failing = {
    messages: () => {
      throw new Error("its own");
    },
  };
  await follow(bus, failing);
  await follow(bus, listener);
  await bus.publish(trades(1, 3));
  expect(listener.heard.length).toBe(3);
});

test("what a subscriber publishes while it is called comes after, for all subscribers alike", async () => {
  const bus = new EmbeddedBus();
  const listener = new Listener();
  let echoed = false;
  const echo = {
    messages: () => {
      if (!echoed) void bus.publish(trades(2, 2));
      echoed = true;
    },
  };
  await follow(bus, echo);
  await follow(bus, listener);
  await bus.publish(trades(1, 1));
  await listener.count(2);
  expect(listener.heard.map(({ sequence }) => sequence)).toEqual([1, 2]);
});

test("a thread is sent only what its subscribers have added", async () => {
  const { hub, bus, cleanup } = joined();
  const [one, two] = [new Listener(), new Listener()];
  const first = await bus.subscribe(one);
  const second = await bus.subscribe(two);
  await Promise.all([first.add("trade:A"), second.add("trade:A"), second.addKind("kline")]);
  first.remove("trade:A");
  await second.add("trade:B");
  const on = (channel: string) => trades(1, 1).map((message) => ({ ...message, channel }));
  await hub.publish([...on("trade:A"), ...on("trade:C"), ...on("kline:A:1m"), ...on("trade:B")]);
  await two.count(3);
  expect(two.heard.map(({ channel }) => channel)).toEqual(["trade:A", "kline:A:1m", "trade:B"]);
  expect(one.heard).toEqual([]);
  await cleanup();
});

test("a slow hub holds a thread's publish back instead of letting memory grow, and everything arrives in order", async () => {
  const { hub, bus, cleanup } = joined();
  const listener = new Listener();
  await follow(hub, listener);
  let admitted = 0;
  const publishes = [];
  for (let i = 0; i < 300; i++) {
    publishes.push(
      bus.publish(trades(i * 100 + 1, i * 100 + 100)).then(() => {
        admitted++;
      }),
    );
  }
  await new Promise<void>((resolve) => queueMicrotask(resolve)); // the hub has had no turn of the loop yet
  expect(admitted).toBe(100);
  await Promise.all(publishes);
  await bus.close();
  expect(listener.heard.map(({ sequence }) => sequence)).toEqual(trades(1, 30_000).map(({ sequence }) => sequence));
  await cleanup();
});

test("a thread that listens too slowly loses messages and is told so by `reconnected`", async () => {
  const { hub, bus, cleanup } = joined();
  const listener = new Listener();
  await follow(bus, listener);
  for (let i = 0; i < 300; i++) await hub.publish(trades(i * 100 + 1, i * 100 + 100));
  await listener.until(() => listener.reconnections === 1);
  expect(listener.heard.length).toBe(10_000);
  await hub.publish(trades(30_001, 30_001));
  await listener.until(() => listener.heard.at(-1)!.sequence === 30_001);
  await cleanup();
});

test("a closed hub makes a thread's publish fail by its code", async () => {
  const { hub, bus } = joined();
  await hub.close();
  await new Promise((resolve) => setImmediate(resolve));
  await expect(bus.last("x").then(() => bus.publish(trades(1, 1)))).rejects.toMatchObject({ code: "TP_BUS_CLOSED" });
});

test("a worker thread's messages reach the hub's subscribers, and its close waits for them", async () => {
  const hub = new EmbeddedBus();
  const { port1, port2 } = new MessageChannel();
  hub.attach(port1);
  const listener = new Listener();
  await follow(hub, listener);
  const source = `
    const { workerData } = require("node:worker_threads");
    import(workerData.module).then(async ({ ThreadBus }) => {
      const bus = new ThreadBus(workerData.port);
      for (let i = 0; i < 500; i++) {
        const message = (j) => ({ channel: "trade:A", kind: "event", epoch: 1, sequence: i * 100 + j, payload: "x" });
        await bus.publish(Array.from({ length: 100 }, (_, j) => message(j)));
      }
      await bus.close();
    });`;
  const module = entryPoint("infra/bus/thread-bus.js");
  const worker = new Worker(source, { eval: true, workerData: { module, port: port2 }, transferList: [port2] });
  await new Promise((resolve, reject) => worker.once("exit", resolve).once("error", reject));
  await listener.count(50_000);
  expect(listener.heard.every(({ sequence }, i) => sequence === i)).toBe(true);
  await hub.close();
});
