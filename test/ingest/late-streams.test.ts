import { afterEach, expect, it } from "vitest";
import { Remedies } from "../../ingest/streams/remedies.js";
import type { ConnectionPlan, PlannedStream } from "../../ingest/venue.js";
import { venueOf } from "../../ingest/venues/index.js";
import type { HeartbeatTick } from "../../schemas/ticks.js";
import { liveRig, until } from "./live-rig.js";
import { MoodyExchange } from "./moody-exchange.js";
import { instrument } from "./recorded-frames.js";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function started(silent: (stream: string) => boolean) {
  const exchange = await MoodyExchange.start(["BTC", "NEW"], 50);
  stops.push(() => exchange.stop());
  exchange.mood.silent = silent;
  const choice = { symbols: ["BTC/USDT", "NEW/USDT"], kinds: ["trade", "ticker"] as const };
  const rig = await liveRig({}, { venues: [{ venue: venueOf("binance", exchange.settings), ...choice }] });
  stops.push(() => rig.stop());
  const held = (name: string) => rig.ingest.conditions().filter((condition) => condition.name === name);
  const ill = async () => {
    const beats = (await rig.ticks()).filter((tick): tick is HeartbeatTick => tick.kind === "heartbeat");
    const newest = Math.max(...beats.map(({ receiveTime }) => receiveTime));
    return beats.filter(({ receiveTime }) => receiveTime === newest).flatMap((beat) => beat.ill ?? []);
  };
  return { exchange, rig, held, ill };
}

it("trades that were acknowledged and never come while the ticker moves: said, told in heartbeats, asked for again", async () => {
  let heal = false;
  const { exchange, rig, held, ill } = await started((stream) => stream === "newusdt@trade" && !heal);
  await until(() => held("stream_late").length > 0, "it says so", 40_000);
  const [said] = held("stream_late");
  expect(said).toMatchObject({ subject: "trade NEW/USDT@binance", severity: "not_ready" });
  expect(said!.reason).toMatch(
    /^trade of NEW\/USDT at binance was acknowledged and never spoke while its ticker moved \d+ times \(\d+ s\)$/,
  );
  await until(() => exchange.asked.get("newusdt@trade") === 2, "subscribed again");
  expect(exchange.asked.get("btcusdt@trade")).toBe(1);
  await until(async () => (await ill()).some(({ how }) => how === "silent"), "heartbeats tell it");
  const late = (await rig.metrics.streamLate.get()).values.map(({ labels, value }) => [labels.symbol, value]);
  expect(late).toEqual([["NEW/USDT", 1]]);
  heal = true;
  await until(() => rig.ingest.conditions().length === 0, "well again");
  await until(async () => (await ill()).length === 0, "heartbeats, too");
  expect((await rig.metrics.streamLate.get()).values.map(({ value }) => value)).toEqual([0]);
}, 90_000);

it("a feed that is connected and brings nothing any more is silent as a whole", async () => {
  let silent = false;
  const { rig, held, ill } = await started(() => silent);
  await until(async () => (await rig.tradesOf("BTC/USDT")).length > 250, "a history", 60_000);
  silent = true;
  const from = Date.now();
  await until(() => held("feed_silent").length > 0, "it says so", 40_000);
  expect((Date.now() - from) / 1000).toBeLessThan(20);
  expect(held("stream_late")).toEqual([]);
  expect(held("feed_silent")[0]!.reason).toMatch(
    /^binance \(market-1\) is connected and has brought nothing for \d+ s$/,
  );
  await until(async () => (await ill()).some(({ symbol }) => symbol === ""), "heartbeats tell the feed");
  silent = false;
  await until(() => rig.ingest.conditions().length === 0, "well again");
}, 120_000);

it("a late stream is subscribed again, then its socket is renewed, then more and more rarely", () => {
  const stream: PlannedStream = {
    ...{ name: "a@trade", instrument: instrument("x", "A/B", "AB"), kinds: ["trade"], key: "1", again: ["sub"] },
  };
  const plan = { name: "market-1", streams: [stream] } as unknown as ConnectionPlan;
  const done: string[] = [];
  const connection = {
    send: () => done.push(`${now}: sub`) > 0,
    renew: () => void done.push(`${now}: renew`),
  };
  const remedies = new Remedies();
  let now = 0;
  for (; now < 1_000; now++) remedies.apply({ plan, connection }, [stream], false, now * 1_000_000);
  expect(done).toEqual(["0: sub", "60: renew", "180: sub", "420: sub", "900: sub"]);
  // well again, and late once more: all begins anew
  remedies.apply({ plan, connection }, [], false, now * 1_000_000);
  remedies.apply({ plan, connection }, [stream], false, now * 1_000_000);
  expect(done.at(-1)).toBe("1000: sub");
});
