import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { Decimal } from "decimal.js";
import fc from "fast-check";
import { encodeEventTopics, keccak256, pad, parseAbi, stringToBytes, toHex } from "viem";
import { describe, expect, it } from "vitest";
import { answerUpdatedTopic, readAnswerUpdated } from "../../../ingest/oracles/chainlink/abi.js";
import {
  aggregatorRoundOf,
  phaseOf,
  proxyRoundId,
  type Round,
  tickOfRound,
} from "../../../ingest/oracles/chainlink/round.js";
import { recording } from "../../recordings.js";

const now = Date.parse("2024-01-06T00:00:00Z") * 1000;

/** Rows of `getRoundData`, the newest first. */
function recorded(file: string): { row: string[]; round: Round }[] {
  const text = gunzipSync(readFileSync(recording(`ape-chainlink-fetcher/${file}.csv.gz`))).toString();
  const [, ...rows] = text.trim().split("\n");
  return rows.map((line) => {
    const row = line.trim().split(",");
    const [, roundId, answer, startedAt, updatedAt, answeredInRound] = row.map(BigInt) as bigint[];
    return {
      row,
      round: {
        roundId: roundId!,
        answer: answer!,
        startedAt: startedAt!,
        updatedAt: updatedAt!,
        answeredInRound: answeredInRound!,
      },
    };
  });
}

describe.each([
  ["BTC/USD", "BTC-USD_0xF4030086522a5bEEa4988F8cA5B36dbC97BeE88c", 9_624],
  ["ETH/USD", "ETH-USD_0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419", 9_977],
])("recorded rounds of %s", (symbol, file, prices) => {
  const feed = { exchange: "chainlink", symbol, decimals: 8 };
  const rounds = recorded(file);

  it("are prices by the feed's decimals, but for the one that is all zeros", () => {
    const refused: object[] = [];
    let count = 0;
    for (const { row, round } of rounds) {
      const tick = tickOfRound(round, feed, now);
      if ("reason" in tick) {
        refused.push(tick);
        continue;
      }
      count += 1;
      const [, roundId, answer, , updated] = row;
      expect(tick.price).toBe(new Decimal(answer!).div(1e8).toFixed());
      expect(tick.exchangeTime).toBe(Number(updated) * 1_000_000);
      expect(tick.roundId).toBe(roundId);
    }
    expect(count).toBe(prices);
    expect(refused).toEqual([
      { reason: "round_empty", detail: "round 0 of phase 6 was never answered (updatedAt is 0)" },
    ]);
  });

  it("are of phase 6, and follow each other by one", () => {
    const numbers = rounds.map(({ round }) => aggregatorRoundOf(round.roundId)).reverse();
    expect(new Set(rounds.map(({ round }) => phaseOf(round.roundId)))).toEqual(new Set([6]));
    numbers.forEach((number, index) => {
      expect(number).toBe(BigInt(index));
    });
    for (const { round } of rounds) {
      expect(proxyRoundId(phaseOf(round.roundId), aggregatorRoundOf(round.roundId))).toBe(round.roundId);
    }
  });

  it("never lie further apart than the heartbeat of an hour and the grace that is given", () => {
    const times = rounds.map(({ round }) => Number(round.updatedAt)).filter((time) => time > 0);
    const widest = Math.max(...times.slice(1).map((time, index) => times[index]! - time));
    expect(widest).toBeLessThan(3_600 + 300);
    expect(widest).toBeGreaterThan(3_600);
  });
});

describe("a round", () => {
  const feed = { exchange: "chainlink", symbol: "BTC/USD", decimals: 8 };
  const good: Round = {
    roundId: (6n << 64n) | 5n,
    answer: 1n,
    startedAt: 1_700_000_000n,
    updatedAt: 1_700_000_000n,
    answeredInRound: (6n << 64n) | 5n,
  };

  it.each([
    ["not_positive", { answer: 0n }],
    ["not_positive", { answer: -1n }],
    ["round_empty", { updatedAt: 0n }],
    ["round_incomplete", { answeredInRound: (6n << 64n) | 4n }],
    ["from_the_future", { updatedAt: BigInt(now / 1_000_000) + 61n }],
  ])("is refused as %s", (reason, fields) => {
    expect(tickOfRound({ ...good, ...fields }, feed, now)).toMatchObject({ reason });
    expect(tickOfRound(good, feed, now)).toMatchObject({ price: "0.00000001" });
  });

  it("has phase and number in its id, whatever they are", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65_535 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (phase, number) => {
        const id = proxyRoundId(phase, number);
        expect([phaseOf(id), aggregatorRoundOf(id)]).toEqual([phase, number]);
      }),
    );
  });
});

it("a log of AnswerUpdated is read, of any sign", () => {
  const event = parseAbi(["event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt)"]);
  expect(answerUpdatedTopic).toBe(keccak256(stringToBytes("AnswerUpdated(int256,uint256,uint256)")));
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(2n ** 255n), max: 2n ** 255n - 1n }),
      fc.bigInt({ min: 0n, max: 2n ** 64n }),
      (current, roundId) => {
        const topics = encodeEventTopics({ abi: event, args: { current, roundId } }) as `0x${string}`[];
        const data = pad(toHex(1_700_000_000), { size: 32 });
        expect(readAnswerUpdated({ topics, data })).toEqual({ current, roundId, updatedAt: 1_700_000_000n });
      },
    ),
  );
});
