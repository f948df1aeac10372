import { setImmediate as nextTurn, setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultPushSettings } from "../../push/settings.js";
import { type Received, TestClient } from "./client.js";
import { message } from "./messages.js";
import { emptyStore, type ServedBus, serveBus } from "./plant.js";
import { UnsteadyBus } from "./unsteady-bus.js";

const seed = Number(process.env.TICKPLANT_SEED ?? Date.now() % 2 ** 31);
console.info(`continuity: TICKPLANT_SEED=${seed}`);
const settings = { rateLimit: { ...defaultPushSettings.rateLimit, messagesPerSecond: 100_000 } };
let served: ServedBus;
let bus: UnsteadyBus;
let clients: TestClient[];
let delayMs = 0;
let run = 0;

beforeAll(async () => {
  bus = new UnsteadyBus(() => delayMs);
  served = await serveBus(settings, emptyStore, bus);
  clients = await Promise.all([0, 1, 2].map(() => TestClient.connect(served.webSocketUrl)));
});

afterAll(async () => {
  for (const client of clients) client.close();
  await served.stop();
});

type Action =
  | { readonly do: "publish"; readonly count: number }
  | { readonly do: "full book" | "drop" | "restore" | "notice" | "breathe" }
  | { readonly do: "subscribe" | "unsubscribe"; readonly client: number };

const client = fc.integer({ min: 0, max: 2 });
const steady = [
  { arbitrary: fc.record({ do: fc.constant("publish" as const), count: fc.integer({ min: 1, max: 40 }) }), weight: 8 },
  { arbitrary: fc.record({ do: fc.constantFrom("full book" as const, "breathe" as const) }), weight: 4 },
  { arbitrary: fc.record({ do: fc.constant("subscribe" as const), client }), weight: 5 },
  { arbitrary: fc.record({ do: fc.constant("unsubscribe" as const), client }), weight: 2 },
] satisfies { arbitrary: fc.Arbitrary<Action>; weight: number }[];
const breaks = {
  arbitrary: fc.record({ do: fc.constantFrom("drop" as const, "restore" as const, "notice" as const) }),
  weight: 3,
} satisfies { arbitrary: fc.Arbitrary<Action>; weight: number };

/** Publishes and subscribes as told, and answers what each client got of the channel once all is quiet. */
async function play(channel: string, actions: readonly Action[]): Promise<{ got: Received[][]; end: number }> {
  const kind = channel.startsWith("depth:") ? "increment" : "event";
  let sequence = 0;
  const step = async () => {
    sequence++;
    const first = kind === "increment" && sequence === 1;
    await bus.publish([message(channel, sequence, first ? "value" : kind, { is_snapshot: first })]);
  };
  const publish = async (count: number) => {
    for (let at = 0; at < count; at++) {
      await step();
      if (at % 3 === 0) await nextTurn();
    }
  };
  const fullBook = async () => {
    if (sequence > 0 && kind === "increment") {
      await bus.publish([message(channel, sequence, "snapshot", { is_snapshot: true })]);
    }
  };
  const starts = clients.map((each) => each.received.length);
  const subscribed = [false, false, false];
  for (const action of actions) {
    await nextTurn();
    if (action.do === "publish") await publish(action.count);
    else if (action.do === "full book") await fullBook();
    else if (action.do === "breathe") await wait(1);
    else if (action.do === "drop") bus.drop();
    else if (action.do === "restore" || action.do === "notice") bus.restore(action.do === "notice");
    else if (action.do === "subscribe" || action.do === "unsubscribe") {
      subscribed[action.client] = action.do === "subscribe";
      clients[action.client]?.ask({ op: action.do, id: ++run, channels: [channel] });
    }
  }
  if (actions.some((action) => action.do === "drop")) bus.restore(true);
  for (const [at, each] of clients.entries()) {
    if (!subscribed[at]) each.ask({ op: "subscribe", id: ++run, channels: [channel] });
  }
  await Promise.all(clients.map((each) => each.answer({ op: "ping", id: ++run })));
  await step();
  await fullBook();
  const end = sequence;
  const mine = (each: TestClient, at: number) =>
    each.received.slice(starts[at]).filter((received) => concerns(received, channel));
  await Promise.all(
    clients.map((each, at) => each.until(() => mine(each, at).some((received) => received.sequence === end))),
  );
  const got = clients.map(mine);
  for (const each of clients) each.ask({ op: "unsubscribe", id: ++run, channels: [channel] });
  await Promise.all(clients.map((each) => each.answer({ op: "ping", id: ++run })));
  return { got, end };
}

const concerns = (received: Received, channel: string): boolean =>
  received.channel === channel || received.channels?.includes(channel) === true;

/** Reads as a careful client would: within a subscription and between reloads each message follows the one before. */
function check(got: readonly Received[], isDepth: boolean, reloadsAllowed: boolean): void {
  let before: number | undefined;
  for (const received of got) {
    if (received.op === "reload") {
      expect(reloadsAllowed, "a reload without a break").toBe(true);
      before = undefined;
    } else if (received.op === "subscribed") {
      if (received.details?.[0]?.already !== true) before = undefined;
    } else if (received.op === undefined) {
      const sequence = received.sequence as number;
      if (before === undefined && isDepth)
        expect(received.data?.is_snapshot, `a book begins at ${sequence}`).toBe(true);
      if (before !== undefined) expect(sequence).toBe(before + 1);
      before = sequence;
    }
  }
}

for (const kind of ["depth", "trade"]) {
  test(`${kind}: each client gets the snapshot and then every message once, however subscribing and publishing interleave`, async () => {
    const property = fc.asyncProperty(
      fc.array(fc.oneof(...steady), { minLength: 5, maxLength: 30 }),
      fc.constantFrom(0, 2, 7),
      async (actions, delay) => {
        delayMs = delay;
        const { got } = await play(`${kind}:RUN${++run}/USDT`, actions);
        for (const each of got) check(each, kind === "depth", false);
      },
    );
    await fc.assert(property, { numRuns: 40, seed });
  });

  test(`${kind}: where deliveries were lost, clients get what they missed or are told to start afresh`, async () => {
    const property = fc.asyncProperty(
      fc.array(fc.oneof(...steady, breaks), { minLength: 5, maxLength: 40 }),
      fc.constantFrom(0, 3),
      async (actions, delay) => {
        delayMs = delay;
        const { got } = await play(`${kind}:RUN${++run}/USDT`, actions);
        for (const each of got) check(each, kind === "depth", true);
      },
    );
    await fc.assert(property, { numRuns: 40, seed });
  });
}

test("a gap in a book makes the hub say reload and send the full book afresh", async () => {
  delayMs = 0;
  const channel = "depth:GAP/USDT@binance";
  const [reader] = clients as [TestClient];
  await bus.publish([message(channel, 1, "value", { is_snapshot: true })]);
  await reader.answer({ op: "subscribe", id: 1_000_001, channels: [channel] });
  await reader.find((received) => received.channel === channel && received.data?.is_snapshot === true);
  bus.drop();
  await bus.publish([2, 3].map((sequence) => message(channel, sequence, "increment")));
  await bus.publish([message(channel, 3, "snapshot", { is_snapshot: true })]);
  bus.restore(false);
  await bus.publish([message(channel, 4, "increment")]);
  await reader.find((received) => received.channel === channel && received.sequence === 4);
  const told = reader.received.filter((received) => received.channel === channel).slice(-4);
  expect(told.map((received) => received.op ?? received.sequence)).toEqual([1, "reload", 3, 4]);
});

test("a gap that the bus still remembers is filled without a word", async () => {
  delayMs = 0;
  const channel = "depth:HEAL/USDT@binance";
  const [reader] = clients as [TestClient];
  await bus.publish([message(channel, 1, "value", { is_snapshot: true })]);
  await reader.answer({ op: "subscribe", id: 1_000_002, channels: [channel] });
  await reader.find((received) => received.channel === channel && received.data?.is_snapshot === true);
  bus.drop();
  await bus.publish([2, 3].map((sequence) => message(channel, sequence, "increment")));
  bus.restore(false);
  await bus.publish([message(channel, 4, "increment")]);
  await reader.find((received) => received.channel === channel && received.sequence === 4);
  const told = reader.received.filter((received) => received.channel === channel).slice(-4);
  expect(told.map((received) => received.op ?? received.sequence)).toEqual([1, 2, 3, 4]);
});

test("a new epoch of a book is a reload", async () => {
  delayMs = 0;
  const channel = "depth:EPOCH/USDT@binance";
  const [reader] = clients as [TestClient];
  await bus.publish([message(channel, 41, "value", { is_snapshot: true })]);
  await reader.answer({ op: "subscribe", id: 1_000_003, channels: [channel] });
  await reader.find((received) => received.channel === channel && received.data?.is_snapshot === true);
  await bus.publish([message(channel, 1, "value", { is_snapshot: true }, 2)]);
  await bus.publish([message(channel, 2, "increment", {}, 2)]);
  await reader.find((received) => received.channel === channel && received.epoch === 2 && received.sequence === 2);
  const told = reader.received.filter((received) => received.channel === channel).slice(-4);
  expect(told.map((received) => received.op ?? `${received.epoch}/${received.sequence}`)).toEqual([
    "1/41",
    "reload",
    "2/1",
    "2/2",
  ]);
});
