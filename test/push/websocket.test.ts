import { afterEach, expect, test } from "vitest";
import type { PushSettings } from "../../push/settings.js";
import { defaultPushSettings } from "../../push/settings.js";
import { TestClient } from "./client.js";
import { message } from "./messages.js";
import { type ServedBus, serveBus } from "./plant.js";

const opened: { stop(): Promise<void> }[] = [];
const clients: TestClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const served of opened.splice(0)) await served.stop();
});

async function serve(settings: Partial<PushSettings> = {}): Promise<ServedBus> {
  const served = await serveBus(settings);
  opened.push(served);
  return served;
}

async function connect(served: ServedBus, options: { perMessageDeflate?: boolean } = {}): Promise<TestClient> {
  const client = await TestClient.connect(served.webSocketUrl, options);
  clients.push(client);
  return client;
}

const bounds = (some: Partial<PushSettings["bounds"]>) => ({ bounds: { ...defaultPushSettings.bounds, ...some } });

test("a ticker's last value comes first, then each live one, as the very text that was published", async () => {
  const served = await serve();
  const first = message("ticker:BTC/USDT", 1, "value", { last_price: "61837.63" });
  await served.bus.publish([first]);
  const client = await connect(served);
  const answer = await client.answer({ op: "subscribe", id: 1, channels: ["ticker:BTC/USDT"] });
  expect(answer.details).toEqual([{ channel: "ticker:BTC/USDT", snapshot: true }]);
  await client.find((received) => received.sequence === 1);
  const second = message("ticker:BTC/USDT", 2, "value", { last_price: "61837.64" });
  await served.bus.publish([second]);
  await client.find((received) => received.sequence === 2);
  expect(client.texts.filter((text) => text.includes('"data"'))).toEqual([first.payload, second.payload]);
});

test("depth begins with the full book, then the increments since, then the live ones", async () => {
  const served = await serve();
  const channel = "depth:BTC/USDT@binance";
  await served.bus.publish([1, 2, 3, 4, 5].map((sequence) => message(channel, sequence, "increment")));
  await served.bus.publish([message(channel, 5, "snapshot", { is_snapshot: true })]);
  await served.bus.publish([6, 7].map((sequence) => message(channel, sequence, "increment")));
  const client = await connect(served);
  await client.answer({ op: "subscribe", id: 1, channels: [channel] });
  await client.find((received) => received.sequence === 7);
  await served.bus.publish([message(channel, 8, "increment")]);
  await client.find((received) => received.sequence === 8);
  expect(client.envelopes(channel).map((received) => received.sequence)).toEqual([5, 6, 7, 8]);
  expect(client.envelopes(channel)[0]?.data).toEqual({ is_snapshot: true });
});

test("K-lines of an interval that nobody makes are refused by naming those that are made, unless they are there", async () => {
  const served = await serve();
  const [never, there] = ["kline:BTC/USDT:7m", "kline:BTC/USDT:3m"];
  await served.bus.publish([message(there, 1, "value", { interval: "3m" })]);
  const client = await connect(served);
  const answer = await client.answer({ op: "subscribe", id: 1, channels: [never, there] });
  expect(answer.details).toEqual([{ channel: there, snapshot: true }]);
  const refused = await client.find((received) => received.op === "error");
  expect(refused).toMatchObject({ code: "TP_CHANNEL_UNKNOWN", channel: never, id: 1 });
  expect(refused.message).toContain("1m, 5m, 15m, 1h, 4h, 1d");
  await client.find((received) => received.channel === there && received.sequence === 1);
});

test("trades begin with the recent ones, at most a hundred", async () => {
  const served = await serve();
  const channel = "trade:BTC/USDT";
  for (let sequence = 1; sequence <= 130; sequence++) await served.bus.publish([message(channel, sequence, "event")]);
  const client = await connect(served);
  await client.answer({ op: "subscribe", id: 1, channels: [channel] });
  await client.find((received) => received.sequence === 130);
  expect(client.envelopes(channel).map((received) => received.sequence)).toEqual(
    Array.from({ length: 100 }, (_, at) => 31 + at),
  );
});

test("a channel without data yet is accepted and says so; its first message arrives when there is one", async () => {
  const served = await serve();
  const client = await connect(served);
  const channels = ["ticker:NEW/USDT", "trade:NEW/USDT@binance", "kline:NEW/USDT@binance:1m"];
  const answer = await client.answer({ op: "subscribe", id: 7, channels });
  expect(answer.channels).toEqual(channels);
  expect(answer.details?.map((detail) => detail.snapshot)).toEqual([false, false, false]);
  await served.bus.publish([message("trade:NEW/USDT@binance", 1, "event"), message("ticker:NEW/USDT", 1, "value")]);
  await client.find((received) => received.channel === "ticker:NEW/USDT" && received.sequence === 1);
  expect(client.envelopes("trade:NEW/USDT@binance")).toHaveLength(1);
});

test("good channels are subscribed, bad ones are answered one by one", async () => {
  const served = await serve();
  const client = await connect(served);
  const bad = ["ticker:", "kline:BTC/USDT", "weather:Oslo", "ticker:BTC USDT", "instrument:BTC/USDT"];
  const answer = await client.answer({ op: "subscribe", id: 3, channels: ["ticker:BTC/USDT", ...bad] });
  expect(answer.channels).toEqual(["ticker:BTC/USDT"]);
  const errors = client.received.filter((received) => received.op === "error");
  expect(errors.map(({ id, code, channel }) => ({ id, code, channel }))).toEqual(
    bad.map((channel) => ({ id: 3, code: "TP_CHANNEL_UNKNOWN", channel })),
  );
});

test("after unsubscribing nothing more comes, and subscribing again begins with a snapshot", async () => {
  const served = await serve();
  const channel = "ticker:BTC/USDT";
  const client = await connect(served);
  await client.answer({ op: "subscribe", id: 1, channels: [channel] });
  await served.bus.publish([message(channel, 1, "value")]);
  await client.find((received) => received.sequence === 1);
  const left = await client.answer({ op: "unsubscribe", id: 2, channels: [channel, "ticker:ETH/USDT"] });
  expect(left.channels).toEqual([channel]);
  expect((await client.find((received) => received.code === "TP_NOT_SUBSCRIBED")).channel).toBe("ticker:ETH/USDT");
  await served.bus.publish([message(channel, 2, "value"), message(channel, 3, "value")]);
  await client.answer({ op: "subscribe", id: 3, channels: [channel] });
  await client.find((received) => received.sequence === 3);
  expect(client.envelopes(channel).map((received) => received.sequence)).toEqual([1, 3]);
});

test("subscribing what one has is answered, and nothing is sent twice", async () => {
  const served = await serve();
  const channel = "ticker:BTC/USDT";
  await served.bus.publish([message(channel, 1, "value")]);
  const client = await connect(served);
  await client.answer({ op: "subscribe", id: 1, channels: [channel, channel] });
  const again = await client.answer({ op: "subscribe", id: 2, channels: [channel] });
  expect(again.details).toEqual([{ channel, snapshot: false, already: true }]);
  await client.answer({ op: "ping", id: 3 });
  expect(client.envelopes(channel)).toHaveLength(1);
});

test("what can not be understood is answered with its code, and the connection stays", async () => {
  const served = await serve();
  const client = await connect(served);
  const cases: [string, string][] = [
    ["{", "TP_MESSAGE_MALFORMED"],
    ["[]", "TP_MESSAGE_MALFORMED"],
    ["null", "TP_MESSAGE_MALFORMED"],
    ['{"op":"fly","id":1}', "TP_OP_UNKNOWN"],
    ['{"id":1}', "TP_OP_UNKNOWN"],
    ['{"op":"subscribe","id":{}}', "TP_MESSAGE_MALFORMED"],
    ['{"op":"subscribe","id":1}', "TP_MESSAGE_MALFORMED"],
    ['{"op":"subscribe","id":1,"channels":[]}', "TP_MESSAGE_MALFORMED"],
    ['{"op":"subscribe","id":1,"channels":[5]}', "TP_MESSAGE_MALFORMED"],
    ['{"op":"subscribe","id":1,"channels":["ticker:BTC/USDT"],"rate_ms":-1}', "TP_MESSAGE_MALFORMED"],
  ];
  for (const [text] of cases) client.ask(text);
  client.socket.send(Buffer.from([0xff, 0x00, 0x7b]));
  await client.answer({ op: "ping", id: 99 });
  const codes = client.received.filter((received) => received.op === "error").map((received) => received.code);
  expect(codes).toEqual([...cases.map(([, code]) => code), "TP_MESSAGE_MALFORMED"]);
});

test("a message beyond the bound is answered and the connection closed for good; others live on", async () => {
  const served = await serve();
  const other = await connect(served);
  for (const bytes of [64 * 1024 + 1, 900 * 1024]) {
    const client = await connect(served);
    client.ask(`{"op":"ping","id":1,"pad":"${"x".repeat(bytes)}"}`);
    expect(await client.untilClosed()).toEqual({ code: 4500, reason: "message too large" });
    expect(client.received.some((received) => received.code === "TP_MESSAGE_TOO_LARGE")).toBe(true);
  }
  const giant = await connect(served);
  giant.ask("x".repeat(8 * 1024 * 1024));
  await giant.untilClosed();
  await other.answer({ op: "ping", id: 1 });
});

test("a client has a bound of channels: those within it are subscribed, the others answered", async () => {
  const served = await serve(bounds({ subscriptions: 5 }));
  const client = await connect(served);
  const channels = Array.from({ length: 8 }, (_, at) => `ticker:C${at}/USDT`);
  const answer = await client.answer({ op: "subscribe", id: 1, channels });
  expect(answer.channels).toEqual(channels.slice(0, 5));
  const errors = client.received.filter((received) => received.code === "TP_TOO_MANY_CHANNELS");
  expect(errors.map((received) => received.channel)).toEqual(channels.slice(5));
});

test("a thousand channels fit into one message", async () => {
  const served = await serve();
  const client = await connect(served);
  const channels = Array.from({ length: 1_000 }, (_, at) => `ticker:COIN${at}/USDT@binance`);
  await served.bus.publish(channels.map((channel) => message(channel, 1, "value")));
  const answer = await client.answer({ op: "subscribe", id: 1, channels });
  expect(answer.channels).toHaveLength(1_000);
  await client.until(() => client.received.filter((received) => received.data !== undefined).length === 1_000);
});

test("a client that asks without end is closed with a code that says when to come back", async () => {
  const served = await serve();
  const client = await connect(served);
  for (let id = 0; id < 200; id++) client.ask({ op: "ping", id });
  expect(await client.untilClosed()).toEqual({ code: 4002, reason: "too many requests" });
});

test("connections beyond the bound are refused before they open", async () => {
  const served = await serve(bounds({ connections: 2 }));
  await connect(served);
  await connect(served);
  await expect(connect(served)).rejects.toThrow();
});

test("heartbeats tell a quiet market from a dead link", async () => {
  const served = await serve({ heartbeatMs: 50 });
  const client = await connect(served);
  await client.until(() => client.received.filter((received) => received.op === "heartbeat").length >= 2);
});

test("when the server stops, clients are told and closed with a code that says to reconnect", async () => {
  const served = await serve();
  const client = await connect(served);
  opened.length = 0;
  await served.stop();
  expect(await client.untilClosed()).toEqual({ code: 4000, reason: "server stopping" });
  expect(client.received.some((received) => received.code === "TP_SERVER_STOPPING")).toBe(true);
});

test("with permessage-deflate the messages are the same", async () => {
  const served = await serve({ deflate: true });
  const channel = "depth:BTC/USDT@binance";
  const bids = Array.from({ length: 2_000 }, (_, at) => [String(60_000 - at), "1.5"]);
  const book = message(channel, 1, "value", { is_snapshot: true, bids });
  await served.bus.publish([book]);
  const client = await connect(served, { perMessageDeflate: true });
  expect(client.socket.extensions).toContain("permessage-deflate");
  await client.answer({ op: "subscribe", id: 1, channels: [channel] });
  await client.find((received) => received.sequence === 1);
  const live = message(channel, 2, "increment", { bids });
  await served.bus.publish([live]);
  await client.find((received) => received.sequence === 2);
  expect(client.texts.slice(-2)).toEqual([book.payload, live.payload]);
});

test("a wish for a rate conflates for that client alone, and the newest value always arrives", async () => {
  const served = await serve();
  const channel = "ticker:BTC/USDT";
  const [paced, plain] = [await connect(served), await connect(served)];
  await paced.answer({ op: "subscribe", id: 1, channels: [channel], rate_ms: 100 });
  await plain.answer({ op: "subscribe", id: 1, channels: [channel] });
  for (let sequence = 1; sequence <= 300; sequence++) await served.bus.publish([message(channel, sequence, "value")]);
  await plain.find((received) => received.sequence === 300);
  await paced.find((received) => received.sequence === 300);
  expect(plain.envelopes(channel)).toHaveLength(300);
  expect(paced.envelopes(channel).map((received) => received.sequence)).toEqual([1, 300]);
});

test("a closed candle is not conflated away by the open one that follows it", async () => {
  const served = await serve();
  const channel = "kline:BTC/USDT:1m";
  const client = await connect(served);
  await client.answer({ op: "subscribe", id: 1, channels: [channel], rate_ms: 50 });
  const closes = (sequence: number) => message(channel, sequence, "value", { is_closed: sequence === 3 });
  for (let sequence = 1; sequence <= 5; sequence++) await served.bus.publish([closes(sequence)]);
  await client.find((received) => received.sequence === 5);
  expect(client.envelopes(channel).map((received) => received.sequence)).toEqual([1, 3, 5]);
});

test("metrics count connections, subscriptions, messages and refusals", async () => {
  const served = await serve();
  const client = await connect(served);
  await client.answer({ op: "subscribe", id: 1, channels: ["ticker:BTC/USDT", "nonsense"] });
  const text = await served.metrics.registry.metrics();
  expect(text).toContain("tickplant_push_connections 1");
  expect(text).toContain("tickplant_push_subscriptions 1");
  expect(text).toContain('tickplant_dropped_total{place="push",reason="tp_channel_unknown"} 1');
});

test("a port that is taken is an error that names it, and nothing is left open", async () => {
  const served = await serve();
  const webSocketPort = Number(new URL(served.webSocketUrl).port);
  await expect(serveBus({ webSocketPort })).rejects.toThrow(`can not listen on 127.0.0.1:${webSocketPort}`);
  const restPort = Number(new URL(served.restUrl).port);
  await expect(serveBus({ restPort })).rejects.toThrow(`can not listen on 127.0.0.1:${restPort}`);
});
