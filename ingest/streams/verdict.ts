import type { Micros } from "../../schemas/words.js";
import type { Lateness, Stream } from "./stream.js";

/** The market moved so often while a stream of it said nothing: that is no quiet market. */
const MANY_MOVES = 10;
/** Witnessed or not, nothing is late sooner. */
const LEAST: Micros = 11_000_000;
/** A stream that never spoke, though its market need not have moved. Trades wait for a witness: some markets have none for days. */
const NEVER_SPOKE: Micros = 60_000_000;
const BY_FEW = 10;
/** Before it, a stream's history says little of how often it comes. */
const SETTLED_GAPS = 200;

/** Whether the stream is late, and how; keeps since when. */
export function verdictOf(stream: Stream, now: Micros): Lateness | undefined {
  const from = Math.max(stream.last, stream.since);
  const quiet = now - from;
  if (stream.last < stream.since && neverSpoke(stream, quiet)) {
    return late(stream, "silent", stream.since, `${what(stream)} was acknowledged and never spoke${moved(stream)}`);
  }
  if (stream.last >= stream.since && neverAgain(stream, quiet)) {
    return late(stream, "stalled", from, `no ${what(stream)}${moved(stream)}`);
  }
  if (quiet > stream.patience || (stream.moves >= MANY_MOVES && quiet > LEAST)) {
    return late(stream, "stalled", from, `no ${what(stream)}${moved(stream)}`);
  }
  stream.lateSince = 0;
  if (stream.slowSince > 0 && isSlow(stream)) {
    const times = Math.round(stream.recentGap / stream.usualGap);
    return late(stream, "slow", stream.slowSince, `${what(stream)} comes ${times} times as rarely as it did`);
  }
  return undefined;
}

/** One that spoke before its connection was lost has a history to go by; another has not. */
function neverSpoke(stream: Stream, quiet: Micros): boolean {
  if (!stream.expected) return false;
  if (stream.moves >= MANY_MOVES && quiet > LEAST) return true;
  if (quiet > Math.max(stream.patience, LEAST)) return true;
  if (stream.patience !== Number.POSITIVE_INFINITY || quiet < NEVER_SPOKE) return false;
  return stream.kind !== "trade" || siblings(stream).some((one) => one.expected && one.last < one.since);
}

/** One that spoke too briefly to be known has only the mean of its few gaps to go by. */
function neverAgain(stream: Stream, quiet: Micros): boolean {
  if (!stream.expected || stream.patience !== Number.POSITIVE_INFINITY) return false;
  if (quiet < Math.max(NEVER_SPOKE, BY_FEW * stream.recentGap)) return false;
  return stream.kind !== "trade" || siblings(stream).some((one) => one.expected && one.last <= stream.last);
}

/** Rarer than it was while another stream of its market comes as it did: else the market is what is quiet. */
function isSlow(stream: Stream): boolean {
  if (stream.gaps < SETTLED_GAPS || stream.recentGap < LEAST / 4) return false;
  return siblings(stream).some((one) => one.gaps >= SETTLED_GAPS && one.recentGap < one.usualGap * 3);
}

function siblings({ market, kind }: Stream): Stream[] {
  return Object.values(market.streams).filter((one) => one.kind !== kind && one.up);
}

function late(stream: Stream, how: Lateness["how"], since: Micros, reason: string): Lateness {
  if (stream.lateSince === 0) stream.lateSince = since;
  const { exchange, symbol } = stream.market;
  return { exchange, symbol, kind: stream.kind, how, since, reason };
}

const what = ({ kind, market }: Stream): string => `${kind} of ${market.symbol} at ${market.exchange}`;

/** Who moved meanwhile; "" where nobody did. */
function moved({ kind, moves }: Stream): string {
  if (moves === 0) return "";
  return ` while its ${kind === "depth" ? "best prices" : "ticker"} moved ${moves} times`;
}
