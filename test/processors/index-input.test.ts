import { expect, it } from "vitest";
import type { IndexInput } from "../../schemas/messages.js";
import { codecs, IndexRig, messagesOf, onePartition } from "./task-rig.js";

const index = {
  name: "BTC-USD",
  constituents: [{ exchange: "binance", symbol: "BTC/USDT", weight: "1" }],
  scale: 2,
  gridMs: 1000,
  staleAfterMs: 10_000,
  outlierBand: "0.05",
  minimumConstituents: 1,
};
const settings = { ...onePartition, indices: [index] };
const second = 1_000_000;
const start = 1_795_000_000 * second;

function input(sequence: number, more: Partial<IndexInput> = {}, price: string | null = "100.5"): Uint8Array {
  const log_time = start + sequence * second;
  const prices = [
    { exchange: "binance", symbol: "BTC/USDT", price, volume_24h: null, price_time: log_time, feed_down: false },
  ];
  const head = { name: "BTC-USD", source: "market.raw/0", log_time, receive_time: log_time };
  const whole = { ...head, epoch: start, sequence_num: sequence, prices };
  return codecs["index.input"].encode({ ...whole, ...more });
}

const good = input(1);
const otherId = Buffer.from(good);
otherId.writeUInt32BE(9_999, 1);
const garbage: [string, Uint8Array][] = [
  ["nothing", new Uint8Array(0)],
  ["a page", Buffer.from("<html>502 Bad Gateway</html>")],
  ["bytes of no meaning", Buffer.from([0, 0, 0, 0, 7, 255, 255, 255, 255, 255, 255, 255])],
  ["half of an input", good.subarray(0, good.length - 9)],
  ["an input and more", Buffer.concat([good, Buffer.from([1, 2, 3])])],
  ["a schema that nobody knows", otherId],
  ["a price that is none", input(1, {}, "cheap")],
  ["a price of more digits than any has", input(1, {}, "1e99999")],
  ["a time before all times", input(1, { log_time: 0 })],
  ["a sequence that is none", input(1, { sequence_num: 0 })],
];

it.each(garbage)("%s in index.input becomes a dead letter with its bytes, and the index goes on", (_, record) => {
  const rig = new IndexRig(settings);
  const time = start + 5;
  rig.task.process(good, 0, time);
  rig.task.process(record, 1, time);
  rig.task.process(input(2), 2, time);
  const [letter, ...more] = messagesOf(rig.outputs, "market.dlq");
  expect(more).toEqual([]);
  expect(letter).toMatchObject({
    topic: "index.input",
    partition: 0,
    offset: 1,
    reason: "unreadable_record",
    timestamp: time,
  });
  expect(Buffer.from(letter!.original).equals(record)).toBe(true);
  expect(messagesOf(rig.outputs, "market.index").map(({ value }) => value)).toEqual(["100.5", "100.5"]);
});

it("what is read again after a crash makes no second letter, and later ones go on counting", () => {
  const two = { ...index, constituents: [...index.constituents, { exchange: "okx", symbol: "ETH/USDT", weight: "1" }] };
  const partitionOf = (symbol: string) => (symbol === "ETH/USDT" ? 1 : 0);
  const rig = () => new IndexRig({ ...settings, partitions: 2, indices: [two] }, partitionOf);
  const [, [, page]] = garbage as [never, [string, Uint8Array]];
  const records = [good, page, input(2), page];
  const first = rig();
  const state = new Map<string, string>();
  for (const [offset, record] of records.slice(0, 3).entries()) first.task.process(record, offset, start);
  for (const { key, value } of first.task.checkpoint()) state.set(key, value!);
  const second = rig();
  const position = second.task.restore(state)!;
  expect(position).toBe(0);
  for (const [offset, record] of records.entries()) second.task.process(record, offset, start);
  const numbers = [first, second].map(({ outputs }) =>
    messagesOf(outputs, "market.dlq").map(({ offset, sequence_num }) => [offset, sequence_num]),
  );
  expect(numbers).toEqual([[[1, 1]], [[3, 2]]]);
});
