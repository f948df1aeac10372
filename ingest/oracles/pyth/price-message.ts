import type { OracleTick } from "../../../schemas/ticks.js";
import { formatUnits, unitsOf } from "../../../schemas/units.js";
import type { Micros, SymbolName, VenueId } from "../../../schemas/words.js";
import { ByteReader } from "./byte-reader.js";
import { PythUnreadable } from "./errors.js";

/** A price of Pyth. Price and confidence are in units of 10^exponent. */
export interface PriceMessage {
  /** Hexadecimal, 32 bytes. */
  readonly feedId: string;
  readonly price: bigint;
  /** Half the width of the interval that the publishers' prices lie in, about one standard deviation. */
  readonly confidence: bigint;
  readonly exponent: number;
  /** Seconds since the epoch. */
  readonly publishTime: bigint;
  readonly previousPublishTime: bigint;
  readonly emaPrice: bigint;
  readonly emaConfidence: bigint;
}

const PRICE_FEED = 0;

/**
 * A message of the accumulator; undefined for one that is no price (averages over time, publishers' caps).
 *
 * @throws PythUnreadable
 */
export function readPriceMessage(bytes: Uint8Array): PriceMessage | undefined {
  const reader = new ByteReader(bytes);
  if (reader.uint(1, "a message's type") !== PRICE_FEED) return undefined;
  return {
    feedId: Buffer.from(reader.take(32, "a feed's id")).toString("hex"),
    price: reader.int64("a price"),
    confidence: reader.uint64("a confidence"),
    exponent: reader.int32("an exponent"),
    publishTime: reader.int64("a time"),
    previousPublishTime: reader.int64("a time"),
    emaPrice: reader.int64("an average"),
    emaConfidence: reader.uint64("an average"),
  };
}

/** History keeps 18 decimals; feeds have 5 to 12. */
const MOST_DECIMALS = 18;

/**
 * A price as a tick, its time that of its publication.
 *
 * @param slot counts up: what tells one price of a second from the next
 * @throws PythUnreadable when it is no price: not positive, or at an exponent that none has
 */
export function tickOfPrice(
  message: PriceMessage,
  feed: { readonly exchange: VenueId; readonly symbol: SymbolName },
  slot: bigint,
  receiveTime: Micros,
): OracleTick {
  const { feedId, price, confidence, exponent, publishTime } = message;
  if (price <= 0n) throw new PythUnreadable(`feed ${feedId} has the price ${price}`);
  if (exponent < -MOST_DECIMALS || exponent > MOST_DECIMALS) {
    throw new PythUnreadable(`feed ${feedId} has the exponent ${exponent}`);
  }
  if (publishTime <= 0n || publishTime > 253_402_300_799n) {
    throw new PythUnreadable(`feed ${feedId} was published at ${publishTime} s`);
  }
  return {
    kind: "oracle",
    exchange: feed.exchange,
    symbol: feed.symbol,
    exchangeTime: Number(publishTime) * 1_000_000,
    receiveTime,
    price: scaled(price, exponent),
    confidence: scaled(confidence, exponent),
    roundId: String(slot),
  };
}

function scaled(value: bigint, exponent: number): string {
  return exponent <= 0
    ? formatUnits(unitsOf(value), -exponent)
    : formatUnits(unitsOf(value * 10n ** BigInt(exponent)), 0);
}
