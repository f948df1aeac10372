import { PlantError } from "../schemas/errors.js";
import { isVenue, LONGEST_NAME, LONGEST_VENUE, nameFault, placeOf, shownName } from "../schemas/names.js";
import { AGGREGATE, type SymbolName, type VenueId } from "../schemas/words.js";

/**
 * How a channel's messages follow each other.
 * `value`: each message is the whole newest value. `increment`: each builds on the one before it.
 * `event`: each stands for itself, and none may be missing.
 */
export type Delivery = "value" | "increment" | "event";

const deliveries = {
  ticker: "value",
  trade: "event",
  depth: "increment",
  kline: "value",
  index: "value",
  signal: "event",
  instrument: "value",
  feed: "value",
  pulse: "value",
  "price.upd": "event",
  "pool.upd": "event",
} as const satisfies Record<string, Delivery>;

export type ChannelKind = keyof typeof deliveries;
const channelKinds = Object.keys(deliveries) as ChannelKind[];

export interface Channel {
  readonly name: string;
  readonly kind: ChannelKind;
  readonly delivery: Delivery;
  /** The symbol; the index's, strategy's or venue's name for `index`, `signal` and `feed`; "" for a bare DEX kind. */
  readonly subject: SymbolName;
  /** The venue, `aggregate` where the name has none. */
  readonly venue: VenueId;
  /** Of a K-line channel only. */
  readonly interval: string | undefined;
}

/** The name is not that of any channel. */
export class UnknownChannel extends PlantError {
  constructor(name: string, why: string) {
    super("TP_CHANNEL_UNKNOWN", `${shownName(name)} is not a channel: ${why}`);
  }
}

/** A kind, a symbol, a venue and an interval, each as long as it may be. */
const longestName = LONGEST_NAME + LONGEST_VENUE + 24;
export const intervalForm = /^[1-9][0-9]{0,3}[smhdwM]$/;

/**
 * Reads a channel's name: the kind ends at the first `:`, a K-line's interval starts after the last `:`,
 * the venue follows the last `@`.
 *
 * @throws UnknownChannel when the name is none, saying what is wrong with it
 */
export function parseChannel(name: string): Channel {
  if (name.length > longestName) throw new UnknownChannel(name, `it has more than ${longestName} characters`);
  const colon = name.indexOf(":");
  const kind = colon < 0 ? name : name.slice(0, colon);
  if (!Object.hasOwn(deliveries, kind)) {
    throw new UnknownChannel(name, `the kind "${kind}" is none of ${channelKinds.join(", ")}`);
  }
  return readSubject(name, kind as ChannelKind, colon < 0 ? "" : name.slice(colon + 1), colon >= 0);
}

function readSubject(name: string, kind: ChannelKind, text: string, named: boolean): Channel {
  const channel = { name, kind, delivery: deliveries[kind], interval: undefined };
  if (kind === "price.upd" || kind === "pool.upd") {
    if (!named) return { ...channel, subject: "", venue: AGGREGATE };
    return { ...channel, ...readSymbol(name, text) };
  }
  if (kind === "index" || kind === "signal" || kind === "feed" || kind === "pulse") {
    if (text === "") throw new UnknownChannel(name, `after "${kind}:" a name must follow`);
    if (kind === "feed") checkVenue(name, text);
    else checkSymbol(name, text);
    return { ...channel, subject: text, venue: kind === "feed" ? text : AGGREGATE };
  }
  if (kind === "kline") {
    const colon = text.lastIndexOf(":");
    const interval = text.slice(colon + 1);
    if (colon < 0 || !intervalForm.test(interval)) {
      throw new UnknownChannel(name, "a K-line channel ends in its interval, such as :1m");
    }
    return { ...channel, interval, ...readSymbol(name, text.slice(0, colon)) };
  }
  const read = readSymbol(name, text);
  if (kind === "instrument" && read.venue === AGGREGATE) {
    throw new UnknownChannel(name, "an instrument belongs to a venue: instrument:{symbol}@{venue}");
  }
  return { ...channel, ...read };
}

function readSymbol(name: string, text: string): { subject: SymbolName; venue: VenueId } {
  const at = text.lastIndexOf("@");
  const subject = at < 0 ? text : text.slice(0, at);
  const venue = at < 0 ? AGGREGATE : text.slice(at + 1);
  if (at >= 0 && venue === AGGREGATE) {
    throw new UnknownChannel(name, "the aggregate over venues is the bare symbol, without @");
  }
  checkSymbol(name, subject);
  if (at >= 0) checkVenue(name, venue);
  return { subject, venue };
}

function checkSymbol(name: string, symbol: string): void {
  if (symbol === "") throw new UnknownChannel(name, "a symbol such as BTC/USDT must follow the kind");
  const fault = nameFault(symbol);
  if (fault !== undefined) throw new UnknownChannel(name, fault);
}

function checkVenue(name: string, venue: string): void {
  if (!isVenue(venue)) throw new UnknownChannel(name, "a venue's name has small letters, digits and . _ -");
}

/** The channel's name for a symbol of a venue, or of the aggregate. */
export function channelName(kind: ChannelKind, symbol: SymbolName, venue: VenueId, interval?: string): string {
  const place = placeOf(symbol, venue);
  return interval === undefined ? `${kind}:${place}` : `${kind}:${place}:${interval}`;
}
