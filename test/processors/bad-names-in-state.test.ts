import { expect, it } from "vitest";
import { parseChannel } from "../../push/channels.js";
import { instrument, quote, SECOND, START, snapshot, ticker, trade } from "./market-ticks.js";
import { codecs, onePartition, recordsOf, TaskRig } from "./task-rig.js";

const bad = ["/BTC", "A//B", "币安 人生/USDT", "A@B", "e\u0301", "x".repeat(300), "\u0000"];

/** A state of two markets in which the second one's names are others, as a version without these rules wrote it. */
function stateWith(symbol: string, exchange = "binance"): Map<string, string> {
  const rig = new TaskRig();
  const other = { symbol: "OTHER/USDT", exchange: "othervenue" };
  for (const more of [{}, other]) {
    rig.take(instrument(START, more), trade(1, START, more), quote(START, more), ticker(START, more));
    rig.take(snapshot(START, 5, [["99", "1"]], [["101", "1"]], more));
  }
  const text = (value: string) => JSON.stringify(value).slice(1, -1);
  const renamed = (saved: string) =>
    saved.replaceAll("OTHER/USDT", text(symbol)).replaceAll("othervenue", text(exchange));
  return new Map(
    rig.task
      .checkpoint()
      .map(({ key, value }) => [
        key.replaceAll("OTHER/USDT", symbol).replaceAll("othervenue", exchange),
        renamed(value!),
      ]),
  );
}

it.each([...bad.map((symbol) => [symbol, "binance"]), ["OK/USDT", "Not A Venue"]])(
  "a state with %j of %s is survived: that market is forgotten and its state deleted, the others go on",
  (symbol, exchange) => {
    const state = stateWith(symbol!, exchange);
    const rig = new TaskRig();
    rig.task.restore(state);
    const about = [...state.keys()].filter((key) => key.includes(`${symbol}@${exchange}`));
    expect(about.length).toBeGreaterThan(4);
    rig.task.announce();
    const [next, again] = [trade(2, START + SECOND), trade(1, START + SECOND)];
    rig.process(recordsOf([next, again, { ...next, symbol: symbol!, exchange: exchange! }], 1, "later"));
    expect(rig.of("market.trade").map(({ trade_id }) => trade_id)).toEqual(["2"]);
    for (const { channel } of rig.messages) expect(parseChannel(channel).name).toBe(channel);
    expect(rig.refused).toContain("bad_name");
    expect(rig.refused).toContain("duplicate");
    const deleted = rig.task.checkpoint().filter(({ value }) => value === null);
    expect(deleted.map(({ key }) => key)).toEqual(expect.arrayContaining(about));
    expect(rig.task.checkpoint()).toEqual([]);
  },
);

it("messages of a market in any script are UTF-8 in the log, in JSON and on the channel", () => {
  const more = { symbol: "币安人生/USDT" };
  const rig = new TaskRig(onePartition).take(instrument(START, more), trade(1, START, more), quote(START, more));
  rig.take(snapshot(START, 5, [["99", "1"]], [["101", "1"]], more), ticker(START, more));
  expect(rig.outputs.length).toBeGreaterThan(10);
  for (const { topic, key, value, json } of rig.outputs) {
    const decoded = codecs[topic].decode(value) as { symbol: string };
    expect(decoded).toMatchObject(more);
    // what JSON leaves out of a trade that is no sum
    const sum = topic === "market.trade" ? { first_trade_id: null, last_trade_id: null } : {};
    expect({ ...sum, ...JSON.parse(json) }).toEqual(JSON.parse(JSON.stringify(decoded)));
    expect(key).toContain(more.symbol);
  }
  for (const { channel, payload } of rig.messages) {
    expect(channel).toContain(more.symbol);
    expect(payload.startsWith(`{"channel":"${channel}","epoch":`)).toBe(true);
    expect(JSON.parse(payload)).toMatchObject({ channel, data: more });
  }
});
