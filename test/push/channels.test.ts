import { expect, test } from "vitest";
import { channelFault, channelName, channelOf, parseChannel, UnknownChannel } from "../../push/channels.js";

const read = (name: string) => {
  const { kind, subject, venue, interval } = parseChannel(name);
  return [kind, subject, venue, interval];
};

test("the kind ends at the first colon, an interval starts after the last, the venue follows the last @", () => {
  expect(read("ticker:BTC/USDT")).toEqual(["ticker", "BTC/USDT", "aggregate", undefined]);
  expect(read("depth:BTC/USDT:USDT@binanceusdm")).toEqual(["depth", "BTC/USDT:USDT", "binanceusdm", undefined]);
  expect(read("kline:BTC/USDT:USDT@binanceusdm:1m")).toEqual(["kline", "BTC/USDT:USDT", "binanceusdm", "1m"]);
  expect(read("kline:BTC/USDT:1d")).toEqual(["kline", "BTC/USDT", "aggregate", "1d"]);
  expect(read("index:BTC-USD")).toEqual(["index", "BTC-USD", "aggregate", undefined]);
  expect(read("trade:ETH/BTC:BTC-240927-70000-C@okx")).toEqual([
    "trade",
    "ETH/BTC:BTC-240927-70000-C",
    "okx",
    undefined,
  ]);
  expect(read("feed:uniswap-v3-500")).toEqual(["feed", "uniswap-v3-500", "uniswap-v3-500", undefined]);
  expect(read("price.upd")).toEqual(["price.upd", "", "aggregate", undefined]);
});

test("a name that was put together is read back the same", () => {
  for (const venue of ["aggregate", "binance"]) {
    expect(read(channelName("kline", "BTC/USDT:USDT", venue, "15m"))).toEqual(["kline", "BTC/USDT:USDT", venue, "15m"]);
    expect(read(channelName("depth", "BTC/USDT", venue))).toEqual(["depth", "BTC/USDT", venue, undefined]);
  }
});

test("what is no channel is refused with the reason", () => {
  const refused = [
    "",
    "ticker",
    "ticker:",
    ":BTC/USDT",
    "Ticker:BTC/USDT",
    "toString:x",
    "__proto__:x",
    "ticker:BTC/USDT@",
    "ticker:@binance",
    "ticker:BTC/USDT@aggregate",
    "ticker:BTC/USDT@Binance",
    "kline:BTC/USDT",
    "kline:BTC/USDT:",
    "kline:BTC/USDT:0m",
    "kline:BTC/USDT:1y",
    "kline:1m",
    "depth:BTC USDT",
    "depth:BTC/USDT\n",
    "depth:BTC/USDT€",
    "depth:{BTC}",
    "instrument:BTC/USDT",
    `ticker:${"A".repeat(200)}`,
  ];
  for (const name of refused) {
    expect(() => parseChannel(name), name).toThrow(UnknownChannel);
    expect(() => parseChannel(name), name).toThrow(channelFault(name));
    expect(channelOf(name), name).toBeUndefined();
  }
});
