import { afterEach, expect, it } from "vitest";
import { EmbeddedBus } from "../../infra/bus/embedded-bus.js";
import { partitionOf } from "../../infra/log/partitioner.js";
import { createLogger } from "../../infra/logging.js";
import { channelName, parseChannel } from "../../push/channels.js";
import { PlantPulse } from "../../push/plant-pulse.js";
import type { PulseMessage } from "../../schemas/messages.js";
import { TestClient } from "./client.js";
import { type ServedBus, serveBus } from "./plant.js";

const logger = createLogger({ level: "silent" });
const partitions = 3;
let served: ServedBus | undefined;
afterEach(async () => {
  await served?.stop();
  served = undefined;
});

type Ill = PulseMessage["ill"][number];
const feed = (exchange: string, connected = true) => ({ exchange, feed: "market-1", connected, since: 5 });
const ill = (exchange: string, symbol: string, kind: string, how: string): Ill => ({
  ...{ exchange, feed: "market-1", symbol, kind, how, since: 7 },
});

function pulseOf(partition: number, message: Partial<PulseMessage> = {}) {
  const data = {
    partition,
    partitions,
    ended: false,
    feeds: [feed("a"), feed("b")],
    ill: [],
    timestamp: 1,
    ...message,
  };
  const channel = `pulse:${partition}`;
  const sequence = ++sequences;
  const payload = JSON.stringify({ channel, epoch: 1, sequence, data });
  return { channel, epoch: 1, sequence, kind: "value" as const, payload };
}
let sequences = 0;

function known() {
  let now = 0;
  const pulse = new PlantPulse({ bus: new EmbeddedBus(), logger, expected: true, now: () => now });
  const beat = (change: Partial<PulseMessage> = {}) =>
    pulse.take([0, 1, 2].map((partition) => pulseOf(partition, change)));
  beat();
  const stale = (name: string) => pulse.staleness(parseChannel(name))?.reason;
  return { pulse, beat, stale, pass: (ms: number) => (now += ms) };
}

it("a quiet market is not stale: only signs of life count", () => {
  const { pulse, beat, stale, pass } = known();
  for (let second = 0; second < 3_600; second++) {
    pass(1_000);
    beat();
  }
  expect(stale("trade:BTC/USDT@a")).toBeUndefined();
  expect(pulse.conditions()).toEqual([]);
});

it("a partition that stands still makes its channels stale, trades' too, and /readyz says which", () => {
  const { pulse, stale, pass } = known();
  const number = partitionOf("BTC/USDT", partitions);
  pass(8_000);
  pulse.take([0, 1, 2].filter((one) => one !== number).map((one) => pulseOf(one)));
  expect(stale("trade:BTC/USDT@a")).toBeUndefined();
  pass(3_000);
  for (const name of ["trade:BTC/USDT@a", "depth:BTC/USDT", "kline:BTC/USDT@b:1m", "ticker:BTC/USDT", "index:X"]) {
    expect(stale(name), name).toBe(`partition ${number} stands still`);
  }
  const other = ["ETH/USDT", "XRP/USDT", "SOL/USDT"].find((symbol) => partitionOf(symbol, partitions) !== number)!;
  expect(stale(`trade:${other}@a`)).toBeUndefined();
  expect(pulse.conditions()[0]!.reason).toMatch(new RegExp(`^partitions that stand still for 11 s: ${number};`));
  pulse.take([pulseOf(number)]);
  expect(stale("trade:BTC/USDT@a")).toBeUndefined();
});

it("a venue that is down, or a stream that is late, makes its own channels stale and no others", () => {
  const { pulse, beat, stale } = known();
  beat({ feeds: [feed("a", false), feed("b")] });
  expect(stale("trade:BTC/USDT@a")).toBe("a: down");
  expect(stale("trade:BTC/USDT@b")).toBeUndefined();
  expect(stale("ticker:BTC/USDT")).toBeUndefined();
  expect(pulse.conditions().map(({ severity }) => severity)).toEqual(["note"]);
  beat({ feeds: [feed("a", false), feed("b", false)] });
  expect(stale("ticker:BTC/USDT")).toBe("no venue's feed is well");
  expect(pulse.conditions().map(({ severity }) => severity)).toEqual(["not_ready", "not_ready"]);
  beat({ ill: [ill("a", "BTC/USDT", "trade", "stalled"), ill("b", "BTC/USDT", "trade", "slow")] });
  expect(stale("trade:BTC/USDT@a")).toBe("a trade: stalled");
  expect(stale("kline:BTC/USDT@a:1m")).toBe("a trade: stalled");
  expect(stale("depth:BTC/USDT@a")).toBeUndefined();
  expect(stale("trade:BTC/USDT@b")).toBeUndefined();
  expect(stale("trade:BTC/USDT")).toBeUndefined();
  beat({ ill: [ill("a", "BTC/USDT", "trade", "refused"), ill("b", "BTC/USDT", "trade", "silent")] });
  expect(stale("trade:BTC/USDT")).toBe("no venue's trade of BTC/USDT is well");
  expect(stale("kline:BTC/USDT:1m")).toBe("no venue's trade of BTC/USDT is well");
  expect(stale("depth:BTC/USDT")).toBeUndefined();
  expect(stale("trade:ETH/USDT")).toBeUndefined();
  beat({ feeds: [feed("a", false), feed("b")], ill: [ill("b", "BTC/USDT", "trade", "silent")] });
  expect(stale("trade:BTC/USDT")).toBe("no venue's trade of BTC/USDT is well");
  expect(stale("trade:ETH/USDT")).toBeUndefined();
  beat({ ill: [ill("a", "", "", "silent")] });
  expect(stale("depth:BTC/USDT@a")).toBe("a: silent");
  beat();
  expect(pulse.conditions()).toEqual([]);
});

it("a replay's end is no standstill; a plant that never says anything is one where feeds are expected", () => {
  const { pulse, beat, pass } = known();
  beat({ ended: true });
  pass(60_000);
  expect(pulse.conditions()).toEqual([]);
  let now = 0;
  const silent = (expected: boolean) => new PlantPulse({ bus: new EmbeddedBus(), logger, expected, now: () => now });
  const [one, other] = [silent(true), silent(false)];
  now = 11_000;
  expect(one.conditions()).toMatchObject([{ name: "plant_silent", severity: "not_ready" }]);
  expect(other.conditions()).toEqual([]);
});

it("clients are told that a channel is stale and that it is live again, those with a pace of their own and late comers too; REST carries age and status", async () => {
  served = await serveBus();
  const { bus, webSocketUrl, restUrl } = served;
  const symbol = "BTC/USDT";
  const name = channelName("ticker", symbol, "a");
  const data = { symbol, exchange: "a", timestamp: Date.now() * 1000 - 3_000_000 };
  const payload = JSON.stringify({ channel: name, epoch: 1, sequence: 1, data });
  await bus.publish([{ channel: name, epoch: 1, sequence: 1, kind: "value", payload }]);
  const beat = (change: Partial<PulseMessage>) => bus.publish([0, 1, 2].map((one) => pulseOf(one, change)));
  await beat({});
  const trades = channelName("trade", symbol, "a");
  const [live, paced] = [await TestClient.connect(webSocketUrl), await TestClient.connect(webSocketUrl)];
  live.ask({ op: "subscribe", id: 1, channels: [trades, name] });
  paced.ask({ op: "subscribe", id: 1, channels: [name], rate_ms: 1_000 });
  await live.until(() => live.received.some(({ channel }) => channel === name));
  await paced.until(() => paced.received.some(({ channel }) => channel === name));
  const statuses = (client: typeof live) => client.received.filter(({ op }) => op === "status");
  await beat({ ill: [ill("a", "", "", "silent")] });
  const stale = (channel: string) => ({ op: "status", channel, status: "stale", reason: "a: silent", since: 7 });
  await live.until(() => statuses(live).length === 2);
  await paced.until(() => statuses(paced).length === 1);
  expect(statuses(live)).toEqual(expect.arrayContaining([stale(trades), stale(name)]));
  expect(statuses(paced)).toEqual([stale(name)]);
  const late = await TestClient.connect(webSocketUrl);
  late.ask({ op: "subscribe", id: 1, channels: [trades] });
  await late.until(() => statuses(late).length === 1);
  expect(statuses(late)).toEqual([stale(trades)]);
  const asked = () => fetch(`${restUrl}/v1/ticker?symbol=${symbol}&exchange=a`);
  const headers = (await asked()).headers;
  expect(headers.get("tickplant-status")).toBe("stale");
  expect(headers.get("tickplant-stale")).toBe("a: silent");
  expect(Number(headers.get("tickplant-age-ms"))).toBeGreaterThanOrEqual(3_000);
  await beat({});
  for (const client of [live, late]) {
    await client.until(() => statuses(client).some(({ channel, status }) => channel === trades && status === "live"));
  }
  expect((await asked()).headers.get("tickplant-status")).toBe("live");
  for (const client of [live, paced, late]) await client.close();
});
