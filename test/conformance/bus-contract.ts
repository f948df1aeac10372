import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Bus, BusHandler, BusMessage } from "../../infra/bus/bus.js";
import { EncodedMessage } from "../../infra/bus/encoded-message.js";

export interface OpenedBus {
  readonly bus: Bus;
  cleanup(): Promise<void>;
}

/** A subscriber that keeps what it gets and lets a test wait for it. */
export class Listener implements BusHandler {
  readonly heard: BusMessage[] = [];
  reconnections = 0;
  private readonly waiting: { reached: () => boolean; resolve: () => void }[] = [];

  messages(messages: readonly BusMessage[]): void {
    this.heard.push(...messages);
    this.look();
  }

  reconnected(): void {
    this.reconnections++;
    this.look();
  }

  until(reached: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ reached, resolve });
      this.look();
    });
  }

  count(messages: number): Promise<void> {
    return this.until(() => this.heard.length >= messages);
  }

  private look(): void {
    for (const { reached, resolve } of this.waiting) if (reached()) resolve();
  }
}

/** What every `Bus` does, whatever lies beneath. */
export function busContract(name: string, open: () => Promise<OpenedBus>): void {
  describe(`${name} as a bus`, () => {
    let opened: OpenedBus;
    let bus: Bus;
    let ticker: string;
    let depth: string;
    let trade: string;

    const message = (channel: string, kind: BusMessage["kind"], sequence: number, epoch = 1): BusMessage => {
      const data = channel.startsWith("depth:")
        ? { symbol: "BTC/USDT", bids: [["61837.63", "0.5"]], is_snapshot: kind !== "increment" }
        : { symbol: "BTC/USDT", price: "61837.63", note: "größer – 数" };
      return { channel, kind, sequence, epoch, payload: JSON.stringify({ channel, epoch, sequence, data }) };
    };
    const run = (channel: string, kind: BusMessage["kind"], from: number, to: number): BusMessage[] =>
      Array.from({ length: to - from + 1 }, (_, i) => message(channel, kind, from + i));
    const positions = (increments: readonly { sequence: number }[]) => increments.map(({ sequence }) => sequence);
    const ours = (channel: string) => [ticker, depth, trade].includes(channel);
    const follow = async (listener: Listener, ...channels: string[]) => {
      const subscription = await bus.subscribe(listener);
      await Promise.all(channels.map((channel) => subscription.add(channel)));
      return subscription;
    };

    beforeEach(async () => {
      opened = await open();
      bus = opened.bus;
      const venue = randomUUID();
      ticker = `ticker:BTC/USDT@${venue}`;
      depth = `depth:BTC/USDT@${venue}`;
      trade = `trade:BTC/USDT@${venue}`;
    });

    afterEach(async () => {
      await opened.cleanup();
    });

    test("a subscriber gets every message of the channels it accepts, as published and in order", async () => {
      const listener = new Listener();
      await follow(listener, trade);
      await bus.publish([message(trade, "event", 1), message(ticker, "value", 1), message(trade, "event", 2)]);
      for (let i = 3; i <= 200; i++) await bus.publish([message(trade, "event", i)]);
      await listener.count(200);
      expect(listener.heard).toEqual(run(trade, "event", 1, 200));
    });

    test("bytes of messages may be written over once they are published", async () => {
      const listener = new Listener();
      await follow(listener, ticker, trade);
      const texts = [message(ticker, "value", 1), message(trade, "event", 1)].map((one) => ({
        ...one,
        payload: one.payload.replace(/[^ -~]/g, "?"),
      }));
      const bytes = Buffer.from(texts.map(({ payload }) => payload).join(""), "latin1");
      let at = 0;
      await bus.publish(
        texts.map(({ channel, epoch, sequence, kind, payload }) => {
          const start = at;
          at += payload.length;
          return new EncodedMessage(channel, epoch, sequence, kind, true, bytes, start, at);
        }),
      );
      bytes.fill("x");
      await listener.count(2);
      expect(listener.heard.map(({ payload }) => payload).sort()).toEqual(texts.map(({ payload }) => payload).sort());
      expect((await bus.last(ticker))?.payload).toBe(texts[0]!.payload);
      expect((await bus.last(trade))?.increments.map(({ payload }) => payload)).toEqual([texts[1]!.payload]);
    });

    test("each of several subscribers gets its own, until it closes", async () => {
      const [one, two] = [new Listener(), new Listener()];
      const first = await follow(one, ticker);
      await follow(two, ticker, depth, trade);
      await bus.publish([message(ticker, "value", 1), message(trade, "event", 1)]);
      await Promise.all([one.count(1), two.count(2)]);
      await first.close();
      await bus.publish([message(ticker, "value", 2)]);
      await two.count(3);
      expect(one.heard.length).toBe(1);
    });

    test("a channel can be removed and added again", async () => {
      const listener = new Listener();
      const subscription = await follow(listener, ticker, trade);
      await subscription.add(ticker);
      subscription.remove(ticker);
      await subscription.add(depth);
      await bus.publish([message(ticker, "value", 1), message(trade, "event", 1)]);
      await listener.count(1);
      await subscription.add(ticker);
      await bus.publish([message(ticker, "value", 2), message(trade, "event", 2)]);
      await listener.count(3);
      const heard = (name: string) => positions(listener.heard.filter(({ channel }) => channel === name));
      expect([heard(ticker), heard(trade)]).toEqual([[2], [1, 2]]);
    });

    test("a kind's channels come whatever their names, those that did not exist before too", async () => {
      const venue = randomUUID();
      const [before, after] = [`kline:BTC/USDT@${venue}:1m`, `kline:ETH/USDT@${venue}:1m`];
      await bus.publish([message(before, "value", 1)]);
      const listener = new Listener();
      const subscription = await follow(listener, before);
      await subscription.addKind("kline");
      await bus.publish([message(before, "value", 2), message(ticker, "value", 1), message(after, "value", 1)]);
      const last = (name: string) => listener.heard.findLast(({ channel }) => channel === name)?.sequence;
      await listener.until(() => last(before) === 2 && last(after) === 1);
      await bus.publish([message(after, "value", 2), message(before, "value", 3)]);
      await listener.until(() => last(before) === 3 && last(after) === 2);
      const ofThisTest = listener.heard.filter(({ channel }) => channel.includes(venue) || channel === ticker);
      expect(ofThisTest.map(({ sequence, channel }) => [channel, sequence]).sort()).toEqual(
        [...[2, 3].map((sequence) => [before, sequence]), ...[1, 2].map((sequence) => [after, sequence])].sort(),
      );
    });

    test("a snapshot is not published", async () => {
      const listener = new Listener();
      await follow(listener, ticker, depth, trade);
      await bus.publish([message(depth, "snapshot", 1), message(depth, "increment", 2)]);
      await listener.count(1);
      expect(listener.heard).toEqual([message(depth, "increment", 2)]);
    });

    test("the last value is the newest by epoch and sequence, whatever comes late", async () => {
      await bus.publish(run(ticker, "value", 1, 5));
      expect(await bus.last(ticker)).toMatchObject({ epoch: 1, sequence: 5, increments: [] });
      await bus.publish([message(ticker, "value", 3)]);
      expect((await bus.last(ticker))!.sequence).toBe(5);
      await bus.publish([message(ticker, "value", 1, 2)]);
      expect(await bus.last(ticker)).toMatchObject({ epoch: 2, sequence: 1 });
      await bus.publish([message(ticker, "value", 9, 1)]);
      expect((await bus.last(ticker))!.payload).toBe(message(ticker, "value", 1, 2).payload);
    });

    test("what comes late is published all the same: readers drop what they have seen", async () => {
      const listener = new Listener();
      await follow(listener, ticker, depth, trade);
      await bus.publish([message(ticker, "value", 2), message(ticker, "value", 1)]);
      await listener.count(2);
      expect(positions(listener.heard)).toEqual([2, 1]);
    });

    test("a book's last value is its snapshot and the increments since", async () => {
      await bus.publish([message(depth, "snapshot", 10), ...run(depth, "increment", 11, 13)]);
      const last = await bus.last(depth);
      expect(last).toMatchObject({ sequence: 10, payload: message(depth, "snapshot", 10).payload });
      expect(last!.increments).toEqual(
        run(depth, "increment", 11, 13).map(({ epoch, sequence, payload }) => ({ epoch, sequence, payload })),
      );
      await bus.publish([message(depth, "snapshot", 12)]);
      const newer = await bus.last(depth);
      expect(newer!.sequence).toBe(12);
      expect(positions(newer!.increments)).toEqual([13]);
    });

    test("a whole value ends the increments that came before it", async () => {
      await bus.publish([message(depth, "value", 1), ...run(depth, "increment", 2, 4)]);
      await bus.publish([message(depth, "value", 5)]);
      expect(await bus.last(depth)).toMatchObject({ sequence: 5, increments: [] });
      await bus.publish([message(depth, "increment", 6)]);
      expect(positions((await bus.last(depth))!.increments)).toEqual([6]);
    });

    test("repeated increments and an older snapshot change nothing", async () => {
      await bus.publish([message(depth, "snapshot", 10), ...run(depth, "increment", 11, 13)]);
      await bus.publish([message(depth, "snapshot", 9), ...run(depth, "increment", 11, 12)]);
      const last = await bus.last(depth);
      expect(last!.sequence).toBe(10);
      expect(positions(last!.increments)).toEqual([11, 12, 13]);
    });

    test("increments without a snapshot are no last value", async () => {
      await bus.publish(run(depth, "increment", 1, 3));
      expect(await bus.last(depth)).toBeUndefined();
      await bus.publish([message(depth, "snapshot", 3)]);
      expect(await bus.last(depth)).toMatchObject({ sequence: 3, increments: [] });
    });

    test("a book with more than 10,000 increments counts as gone until its next snapshot, never as one with a hole", async () => {
      await bus.publish([message(depth, "snapshot", 1), ...run(depth, "increment", 2, 10_001)]);
      expect((await bus.last(depth))!.increments.length).toBe(10_000);
      await bus.publish([message(depth, "increment", 10_002)]);
      expect(await bus.last(depth)).toBeUndefined();
      await bus.publish([message(depth, "snapshot", 10_002), message(depth, "increment", 10_003)]);
      expect(positions((await bus.last(depth))!.increments)).toEqual([10_003]);
    });

    test("a book in whose increments one is missing counts as gone until its next snapshot", async () => {
      await bus.publish([message(depth, "snapshot", 10), ...run(depth, "increment", 11, 12)]);
      await bus.publish([message(depth, "increment", 14)]);
      expect(await bus.last(depth)).toBeUndefined();
      await bus.publish([message(depth, "snapshot", 14), message(depth, "increment", 15)]);
      expect(positions((await bus.last(depth))!.increments)).toEqual([15]);
    });

    test("a new epoch's increments do not stand on an old epoch's snapshot", async () => {
      await bus.publish([message(depth, "snapshot", 1), message(depth, "increment", 1, 2)]);
      expect(await bus.last(depth)).toBeUndefined();
      await bus.publish([message(depth, "snapshot", 1, 2)]);
      expect(await bus.last(depth)).toMatchObject({ epoch: 2, sequence: 1, increments: [] });
    });

    test("of events the last 100 are kept, oldest first", async () => {
      await bus.publish(run(trade, "event", 1, 30));
      expect(positions((await bus.last(trade))!.increments)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
      await bus.publish(run(trade, "event", 31, 150));
      const last = await bus.last(trade);
      expect(last!.payload).toBe("");
      expect(last!.sequence).toBe(150);
      expect(positions(last!.increments)).toEqual(Array.from({ length: 100 }, (_, i) => i + 51));
    });

    test("channels with a last value are listed, sorted", async () => {
      await bus.publish([message(trade, "event", 1), message(ticker, "value", 1), message(depth, "increment", 1)]);
      expect((await bus.channels()).filter(ours)).toEqual([ticker, trade]);
      expect(await bus.last("ticker:NOBODY/USDT")).toBeUndefined();
    });
  });
}
