import type { OracleTick } from "../../../schemas/ticks.js";
import { formatUnits, unitsOf } from "../../../schemas/units.js";
import type { Micros, SymbolName, VenueId } from "../../../schemas/words.js";

/**
 * One round of a price feed as its proxy tells it (`latestRoundData`, `getRoundData`).
 * https://docs.chain.link/data-feeds/api-reference
 */
export interface Round {
  /** The proxy's: phase · 2^64 + the aggregator's own number. */
  readonly roundId: bigint;
  /** Price in units of the feed's decimals. */
  readonly answer: bigint;
  /** Seconds since the epoch. */
  readonly startedAt: bigint;
  readonly updatedAt: bigint;
  /** Rounds that carry an older round's answer name it here; aggregators of today repeat `roundId`. */
  readonly answeredInRound: bigint;
}

/** A price feed: what its contract says of itself, and whose price it is. */
export interface PriceFeed {
  readonly exchange: VenueId;
  readonly symbol: SymbolName;
  /** Decimals of the answers, as the contract's `decimals()` has them. */
  readonly decimals: number;
}

/** Why a round is no price; a stable word, and what a person wants to know beside it. */
export interface RefusedRound {
  readonly reason: "round_empty" | "not_positive" | "round_incomplete" | "from_the_future";
  readonly detail: string;
}

const PHASE_BITS = 64n;
const ROUND_MASK = (1n << PHASE_BITS) - 1n;

/** Aggregators behind a proxy are numbered by phases; a new one begins at a round of its own. */
export const phaseOf = (roundId: bigint): number => Number(roundId >> PHASE_BITS);
export const aggregatorRoundOf = (roundId: bigint): bigint => roundId & ROUND_MASK;
export const proxyRoundId = (phase: number, aggregatorRound: bigint): bigint =>
  (BigInt(phase) << PHASE_BITS) | aggregatorRound;

/** Seconds that a node's clock and a chain's may differ. */
const FUTURE_SECONDS = 60n;

/**
 * Why a round must not be used: it was never answered (all zeros), its answer is not positive, or an older round's.
 *
 * @param now µs
 */
export function roundFault(round: Round, now: Micros): RefusedRound | undefined {
  const { roundId, answer, updatedAt, answeredInRound } = round;
  const place = `round ${aggregatorRoundOf(roundId)} of phase ${phaseOf(roundId)}`;
  if (updatedAt === 0n) return { reason: "round_empty", detail: `${place} was never answered (updatedAt is 0)` };
  if (answer <= 0n) return { reason: "not_positive", detail: `${place} has the answer ${answer}` };
  if (answeredInRound < roundId) {
    return { reason: "round_incomplete", detail: `${place} carries the answer of ${answeredInRound}` };
  }
  if (updatedAt > BigInt(Math.floor(now / 1_000_000)) + FUTURE_SECONDS) {
    return { reason: "from_the_future", detail: `${place} was updated at ${updatedAt} s` };
  }
  return undefined;
}

/**
 * A round as a tick, its time that of the answer.
 *
 * @returns why it is refused, if it is
 */
export function tickOfRound(round: Round, feed: PriceFeed, receiveTime: Micros): OracleTick | RefusedRound {
  const fault = roundFault(round, receiveTime);
  if (fault !== undefined) return fault;
  return {
    kind: "oracle",
    exchange: feed.exchange,
    symbol: feed.symbol,
    exchangeTime: Number(round.updatedAt) * 1_000_000,
    receiveTime,
    price: formatUnits(unitsOf(round.answer), feed.decimals),
    roundId: String(round.roundId),
  };
}
