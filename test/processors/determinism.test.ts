import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BusMessage } from "../../infra/bus/bus.js";
import type { ProcessSettings } from "../../processors/settings.js";
import { marketStory } from "./market-story.js";
import { check } from "./seed.js";
import { codecs, IndexRig, type Output, onePartition, recordsOf, TaskRig } from "./task-rig.js";

const index = {
  ...{ name: "BTC", gridMs: 5000, outlierBand: "0.1", staleAfterMs: 30_000, minimumConstituents: 1, scale: 4 },
  constituents: [
    { exchange: "binance", symbol: "BTC/USDT", weight: "2" },
    { exchange: "kraken", symbol: "BTC/USDT", weight: "1.5" },
  ],
};
const settings: ProcessSettings = { ...onePartition, klineIntervals: ["1m", "5m", "1h"], indices: [index] };

const texts = (outputs: readonly Output[]) => outputs.map(({ topic, key, json }) => `${topic} ${key} ${json}`);
const bytes = (outputs: readonly Output[]) => Buffer.concat(outputs.map(({ value }) => value));

/** A dead letter says where in the log it lay, which batches decide. */
const withoutPlace = (outputs: readonly Output[]) =>
  texts(outputs).map((text) => text.replace(/"offset":\d+,"index":-?\d+/, ""));

/** Repeats dropped by what identifies an output: topic, exchange, symbol or name, interval, epoch and sequence. */
function once(outputs: readonly Output[]): string[] {
  const seen = new Set<string>();
  return texts(
    outputs.filter(({ topic, key, json }) => {
      const value = JSON.parse(json);
      const identity = [topic, key, value.exchange, value.source, value.epoch, value.sequence_num].join(" ");
      // dead letters of a task are one stream, whatever they are about
      const id = topic === "market.dlq" ? [topic, key, value.epoch, value.sequence_num].join(" ") : identity;
      if (seen.has(id)) return false;
      seen.add(id);
      return true;
    }),
  );
}

const onceMessages = (messages: readonly BusMessage[]) => [
  ...new Set(messages.map(({ channel, kind, payload }) => `${channel} ${kind} ${payload}`)),
];

const stateOf = (state: Map<string, string>, changes: readonly { key: string; value: string | null }[]) => {
  for (const { key, value } of changes) {
    if (value === null) state.delete(key);
    else state.set(key, value);
  }
  return state;
};

describe("the same log", () => {
  test("gives the same outputs, byte for byte, whatever the batches it came in", () => {
    check(
      fc.property(marketStory, (ticks) => {
        const single = new TaskRig(settings).process(recordsOf(ticks, 1));
        for (const size of [7, 100]) {
          const rig = new TaskRig(settings).process(recordsOf(ticks, size));
          expect(withoutPlace(rig.outputs)).toEqual(withoutPlace(single.outputs));
          expect(rig.messages).toEqual(single.messages);
          const counted = (all: readonly Output[]) => all.filter(({ topic }) => topic !== "market.dlq");
          expect(bytes(counted(rig.outputs)).equals(bytes(counted(single.outputs)))).toBe(true);
        }
      }),
      15,
    );
  });

  test("gives the same outputs when the task is killed at any record and restored from any checkpoint", () => {
    const cuts = fc.array(fc.tuple(fc.nat(30), fc.nat(8)), { minLength: 1, maxLength: 6 });
    check(
      fc.property(marketStory, fc.integer({ min: 1, max: 5 }), cuts, (ticks, size, pieces) => {
        const records = recordsOf(ticks, size);
        const undisturbed = new TaskRig(settings).process(records);
        const outputs: Output[] = [];
        const messages: BusMessage[] = [];
        const state = new Map<string, string>();
        let position = 0;
        for (const [kept, lost] of [...pieces, [records.length, 0] as const]) {
          const rig = new TaskRig(settings);
          expect(rig.task.restore(state) ?? 0).toBe(position);
          // so many records until the checkpoint, and some more whose state is lost
          const saved = Math.min(records.length, position + kept);
          rig.process(records.slice(position, saved), position);
          stateOf(state, rig.task.checkpoint());
          rig.process(records.slice(saved, saved + lost), saved);
          outputs.push(...rig.outputs);
          messages.push(...rig.messages);
          if (state.size > 0) position = saved;
        }
        expect(position).toBe(records.length);
        expect(once(outputs)).toEqual(texts(undisturbed.outputs));
        expect(onceMessages(messages)).toEqual(onceMessages(undisturbed.messages));
      }),
      25,
    );
  });

  test("a task that is restored and stopped without a record keeps its position, and has nothing to write", () => {
    const story = fc.sample(marketStory, { seed: 7, numRuns: 1 })[0]!;
    const first = new TaskRig(settings).process(recordsOf(story, 2));
    const state = stateOf(new Map(), first.task.checkpoint());
    const second = new TaskRig(settings);
    const position = second.task.restore(state);
    expect(second.task.checkpoint()).toEqual([]);
    expect(position).toBe(Math.ceil(story.length / 2));
  });

  test("an index task gives the same values however it is killed and restored", () => {
    check(
      fc.property(marketStory, fc.array(fc.nat(40), { maxLength: 5 }), (ticks, pieces) => {
        const raw = new TaskRig(settings).process(recordsOf(ticks, 3));
        const inputs = raw.outputs.filter(({ topic }) => topic === "index.input").map(({ value }) => value);
        const undisturbed = new IndexRig(settings).process(inputs);
        expect(undisturbed.outputs).toHaveLength(inputs.length);
        const outputs: Output[] = [];
        const state = new Map<string, string>();
        let position = 0;
        for (const kept of [...pieces, inputs.length]) {
          const rig = new IndexRig(settings);
          rig.task.restore(state);
          const saved = Math.min(inputs.length, position + kept);
          rig.process(inputs.slice(position, saved), position);
          stateOf(state, rig.task.checkpoint());
          rig.process(inputs.slice(saved, saved + 3), saved);
          outputs.push(...rig.outputs);
          position = saved;
        }
        expect(once(outputs)).toEqual(texts(undisturbed.outputs));
        const decoded = codecs["market.index"].decode(outputs[0]!.value);
        expect(JSON.parse(outputs[0]!.json)).toEqual(decoded);
      }),
      20,
    );
  });

  test("an index that is configured after a restart begins then", () => {
    const story = fc.sample(marketStory, { seed: 7, numRuns: 1 })[0]!;
    const before = new TaskRig({ ...settings, indices: [] }).process(recordsOf(story.slice(0, -1), 2));
    const after = new TaskRig(settings);
    after.task.restore(stateOf(new Map(), before.task.checkpoint()));
    after.process(recordsOf(story.slice(-1), 1, "other"));
    expect(after.of("index.input").length + before.of("index.input").length).toBe(0);
    const last = story.at(-1)!;
    after.process(recordsOf([{ ...last, receiveTime: last.receiveTime + 25_000_000 }], 1, "third"));
    expect(after.of("index.input").length).toBeGreaterThanOrEqual(4);
  });
});
