import { decodeEventLog, decodeFunctionResult, encodeFunctionData, parseAbi, toEventSelector } from "viem";
import type { ChainLog, Hex } from "../../evm/chain.js";
import type { Round } from "./round.js";

/** AggregatorV2V3Interface and the proxy's own views. https://github.com/smartcontractkit/chainlink */
const abi = parseAbi([
  "event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt)",
  "function latestRoundData() view returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)",
  "function getRoundData(uint80 roundId) view returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)",
  "function decimals() view returns (uint8)",
  "function description() view returns (string)",
  "function aggregator() view returns (address)",
  "function phaseId() view returns (uint16)",
]);

export const answerUpdatedTopic: Hex = toEventSelector(
  "event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt)",
);

/** A new answer as the aggregator's log has it: its own round number, without the proxy's phase. */
export interface AnswerUpdated {
  readonly current: bigint;
  readonly roundId: bigint;
  readonly updatedAt: bigint;
}

/** @throws viem's errors when the log is none of this event */
export function readAnswerUpdated(log: Pick<ChainLog, "topics" | "data">): AnswerUpdated {
  const topics = log.topics as [Hex, ...Hex[]];
  return decodeEventLog({ abi, eventName: "AnswerUpdated", topics, data: log.data }).args;
}

/** Views of a proxy without arguments: their call data, and their answers read. */
export const proxyCalls = {
  latestRoundData: view(
    "latestRoundData",
    ([roundId, answer, startedAt, updatedAt, answeredInRound]): Round => ({
      roundId,
      answer,
      startedAt,
      updatedAt,
      answeredInRound,
    }),
  ),
  decimals: view("decimals", (decimals) => decimals),
  description: view("description", (text) => text),
  aggregator: view("aggregator", (address) => address.toLowerCase() as Hex),
  phaseId: view("phaseId", (phase) => phase),
};

interface Answers {
  readonly latestRoundData: readonly [bigint, bigint, bigint, bigint, bigint];
  readonly decimals: number;
  readonly description: string;
  readonly aggregator: Hex;
  readonly phaseId: number;
}

function view<Name extends keyof Answers, Value>(functionName: Name, of: (answer: Answers[Name]) => Value) {
  return {
    data: encodeFunctionData({ abi, functionName } as never) as Hex,
    read: (data: Hex): Value => of(decodeFunctionResult({ abi, functionName, data } as never) as Answers[Name]),
  };
}
