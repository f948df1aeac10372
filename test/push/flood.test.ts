import { afterEach, expect, test } from "vitest";
import { defaultPushSettings } from "../../push/settings.js";
import { Turns } from "../../push/turns.js";
import { WorkBudget } from "../../push/work-budget.js";
import { TestClient } from "./client.js";
import { message } from "./messages.js";
import { type ServedBus, serveBus } from "./plant.js";

let served: ServedBus | undefined;
const clients: TestClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await served?.stop();
  served = undefined;
});

async function serve(rateLimit: Partial<typeof defaultPushSettings.rateLimit> = {}): Promise<ServedBus> {
  served = await serveBus({ rateLimit: { ...defaultPushSettings.rateLimit, ...rateLimit } });
  return served;
}

async function connect({ webSocketUrl }: ServedBus): Promise<TestClient> {
  const client = await TestClient.connect(webSocketUrl);
  clients.push(client);
  return client;
}

/** As many short names as fit into a message. */
const names = <Item>(count: number, name: (at: number) => Item) => Array.from({ length: count }, (_, at) => name(at));
const bytesOf = ({ texts }: TestClient) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
const dropped = async (one: ServedBus, reason: string): Promise<number> => {
  const { values } = await one.metrics.dropped.get();
  return values.find(({ labels }) => labels.place === "push" && labels.reason === reason)?.value ?? 0;
};

test.each([
  ["subscribe", "TP_CHANNEL_UNKNOWN"],
  ["unsubscribe", "TP_NOT_SUBSCRIBED"],
] as const)("%s: of a thousand bad names ten are told, all are counted, and little comes back", async (op, code) => {
  const one = await serve();
  const client = await connect(one);
  const before = bytesOf(client);
  await client.answer({ op, id: 1, channels: names(1_000, (at) => `\u0001${at}`) });
  const errors = client.received.filter((received) => received.op === "error");
  expect(errors.map((error) => error.code)).toEqual([...names(10, () => code), "TP_TOO_MANY_ERRORS"]);
  expect(errors.at(-1)).toMatchObject({ id: 1, omitted: 990 });
  expect(await dropped(one, code.toLowerCase())).toBe(1_000);
  expect(bytesOf(client) - before).toBeLessThan(8_000);
});

test.each(["subscribe", "unsubscribe"])("%s: a request that names too many channels is one error", async (op) => {
  const client = await connect(await serve());
  client.ask({ op, id: 1, channels: names(16_000, () => "") });
  client.ask({ op, id: 2, channels: names(1_001, (at) => `ticker:A${at}`) });
  await client.answer({ op: "ping", id: 3 });
  const errors = client.received.filter((received) => received.op === "error");
  expect(errors.map(({ id, code }) => [id, code])).toEqual([
    [1, "TP_TOO_MANY_CHANNELS"],
    [2, "TP_TOO_MANY_CHANNELS"],
  ]);
});

test("good names among many bad ones are subscribed", async () => {
  const one = await serve();
  const client = await connect(one);
  const channels = names(900, (at) => (at % 300 === 299 ? `ticker:C${at}/USDT` : `weather:${at}`));
  const { channels: subscribed } = await client.answer({ op: "subscribe", id: 1, channels });
  expect(subscribed).toEqual(["ticker:C299/USDT", "ticker:C599/USDT", "ticker:C899/USDT"]);
  await one.bus.publish(subscribed!.map((channel) => message(channel, 1, "value")));
  await client.until(() => subscribed!.every((channel) => client.envelopes(channel).length === 1));
});

test("what a client asks for is charged: beyond its budget requests wait, and others do not", async () => {
  const one = await serve({ workPerSecond: 100, messagesPerSecond: 1_000 });
  const flooding = await connect(one);
  const honest = await connect(one);
  for (let id = 1; id <= 40; id++) {
    flooding.ask({ op: "subscribe", id, channels: names(1_000, (at) => `bad ${at}`) });
  }
  await flooding.find((received) => received.op === "subscribed" && received.id === 1);
  await honest.answer({ op: "ping", id: 1 });
  await honest.answer({ op: "subscribe", id: 2, channels: ["ticker:BTC/USDT"] });
  // one such request is worth 50 s of this budget
  expect(flooding.received.filter((received) => received.op === "subscribed")).toHaveLength(1);
  expect(await dropped(one, "tp_channel_unknown")).toBe(1_000);
});

test("messages that wait for a client are bounded in bytes", async () => {
  const one = await serve({ workPerSecond: 1, messagesPerSecond: 1_000 });
  const client = await connect(one);
  const pad = "x".repeat(60_000);
  for (let id = 1; id <= 40; id++) client.ask(`{"op":"ping","id":${id},"pad":"${pad}"}`);
  expect(await client.untilClosed()).toEqual({ code: 4002, reason: "too many requests" });
});

test("a client that leaves while its requests wait leaves nothing behind", async () => {
  const one = await serve({ workPerSecond: 1, messagesPerSecond: 1_000 });
  const client = await connect(one);
  for (let id = 1; id <= 5; id++) client.ask({ op: "subscribe", id, channels: [`ticker:C${id}/USDT`] });
  await client.find((received) => received.op === "subscribed");
  client.close();
  const other = await connect(one);
  await expect
    .poll(() => one.metrics.registry.metrics(), { timeout: 20_000 })
    .toMatch(/push_subscriptions 0\n[\s\S]*|push_subscriptions 0$/);
  await other.answer({ op: "ping", id: 1 });
});

test("addresses take turns, and what is done alone ends its slice", async () => {
  const turns = new Turns(() => 0);
  const done: string[] = [];
  let slice = 0;
  const piece = (name: string) => () => void done.push(`${name}${slice}`);
  const all = [
    ...names(3, () => turns.take("a", piece("a"))),
    turns.take("b", piece("b")),
    turns.take("c", piece("c"), true),
    turns.take("d", piece("d")),
  ];
  const counting = setImmediate(function next() {
    slice++;
    if (slice < 5) setImmediate(next);
  });
  await Promise.all(all);
  clearImmediate(counting);
  expect(done).toEqual(["a0", "b0", "c0", "d1", "a1", "a1"]);
});

test("a budget is five seconds' worth, may be overdrawn once, and is paid by time", () => {
  let now = 0;
  const budget = new WorkBudget(100, 500, () => now);
  budget.charge(499);
  expect(budget.wait()).toBe(0);
  budget.charge(1_001);
  expect(budget.wait()).toBeGreaterThan(10_000);
  now += 5_000;
  expect(budget.wait()).toBeGreaterThan(5_000);
  now += 5_020;
  expect(budget.wait()).toBe(0);
  now += 3_600_000;
  budget.charge(501);
  expect(budget.wait()).toBeGreaterThan(0);
});
