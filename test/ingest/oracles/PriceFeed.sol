// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// A price feed for tests, with the interface of Chainlink's: an aggregator of rounds.
contract Aggregator {
    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    uint8 public decimals;
    string public description;
    uint80 public round;
    mapping(uint80 => int256) public answers;
    mapping(uint80 => uint256) public times;

    constructor(uint8 places, string memory text) {
        decimals = places;
        description = text;
    }

    function submit(int256 answer) external {
        round += 1;
        answers[round] = answer;
        times[round] = block.timestamp;
        emit AnswerUpdated(answer, round, block.timestamp);
    }

    /// A round that nobody answers.
    function skip() external {
        round += 1;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (round, answers[round], times[round], times[round], round);
    }
}

/// What users of a feed ask: its aggregator may be another one tomorrow, under the next phase.
contract Proxy {
    Aggregator public aggregator;
    uint16 public phaseId;

    constructor(Aggregator first) {
        change(first);
    }

    function change(Aggregator next) public {
        aggregator = next;
        phaseId += 1;
    }

    function decimals() external view returns (uint8) {
        return aggregator.decimals();
    }

    function description() external view returns (string memory) {
        return aggregator.description();
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        (uint80 id, int256 answer, uint256 startedAt, uint256 updatedAt, ) = aggregator.latestRoundData();
        uint80 full = (uint80(phaseId) << 64) | id;
        return (full, answer, startedAt, updatedAt, full);
    }
}
