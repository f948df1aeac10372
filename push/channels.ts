import { PlantError } from "../schemas/errors.js";
import { isSymbol, isVenue, LONGEST_NAME, LONGEST_VENUE, nameFault, placeOf, shownName } from "../schemas/names.js";
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

/** Says that a name is none; why is asked for only where somebody is to be told, since a client may send many. */
type Refuse = (why: () => string) => undefined;

const untold: Refuse = () => undefined;

/**
 * Reads a channel's name: the kind ends at the first `:`, a K-line's interval starts after the last `:`,
 * the venue follows the last `@`.
 *
 * @throws UnknownChannel when the name is none, saying what is wrong with it
 */
export function parseChannel(name: string): Channel {
  return read(name, (why) => {
    throw new UnknownChannel(name, why());
  })!;
}

/** The channel of a name; undefined when it is none. It costs a tenth of `parseChannel` then. */
export function channelOf(name: string): Channel | undefined {
  return read(name, untold);
}

/** Why a name is no channel's; "" when it is one. */
export function channelFault(name: string): string {
  let fault = "";
  read(name, (why) => {
    fault = new UnknownChannel(name, why()).message;
    return undefined;
  });
  return fault;
}

function read(name: string, refuse: Refuse): Channel | undefined {
  if (name.length > longestName) return refuse(() => `it has more than ${longestName} characters`);
  const colon = name.indexOf(":");
  const kind = colon < 0 ? name : name.slice(0, colon);
  if (!Object.hasOwn(deliveries, kind)) {
    return refuse(() => `the kind "${kind}" is none of ${channelKinds.join(", ")}`);
  }
  return readSubject(name, kind as ChannelKind, colon < 0 ? undefined : name.slice(colon + 1), refuse);
}

/** @param text after the kind's `:`, undefined where there is none */
function readSubject(name: string, kind: ChannelKind, text: string | undefined, refuse: Refuse): Channel | undefined {
  const channel = { name, kind, delivery: deliveries[kind], interval: undefined };
  switch (kind) {
    case "price.upd":
    case "pool.upd":
      if (text === undefined) return { ...channel, subject: "", venue: AGGREGATE };
      return placed(channel, text, refuse);
    case "index":
    case "signal":
    case "pulse":
      if (!text) return refuse(() => `after "${kind}:" a name must follow`);
      return isSymbol(text) ? { ...channel, subject: text, venue: AGGREGATE } : refuse(() => symbolFault(text));
    case "feed":
      if (!text) return refuse(() => `after "${kind}:" a name must follow`);
      return isVenue(text) ? { ...channel, subject: text, venue: text } : refuse(venueFault);
    case "kline": {
      const given = text ?? "";
      const colon = given.lastIndexOf(":");
      const interval = given.slice(colon + 1);
      if (colon < 0 || !intervalForm.test(interval))
        return refuse(() => "a K-line channel ends in its interval, such as :1m");
      return placed({ ...channel, interval }, given.slice(0, colon), refuse);
    }
    default: {
      const found = placed(channel, text ?? "", refuse);
      if (kind !== "instrument" || found?.venue !== AGGREGATE) return found;
      return refuse(() => "an instrument belongs to a venue: instrument:{symbol}@{venue}");
    }
  }
}

/** The channel of a symbol and, behind `@`, its venue. */
function placed(channel: Omit<Channel, "subject" | "venue">, text: string, refuse: Refuse): Channel | undefined {
  const at = text.lastIndexOf("@");
  const subject = at < 0 ? text : text.slice(0, at);
  const venue = at < 0 ? AGGREGATE : text.slice(at + 1);
  if (at >= 0 && venue === AGGREGATE) return refuse(() => "the aggregate over venues is the bare symbol, without @");
  if (!isSymbol(subject)) return refuse(() => symbolFault(subject));
  return at < 0 || isVenue(venue) ? { ...channel, subject, venue } : refuse(venueFault);
}

function symbolFault(symbol: string): string {
  return symbol === "" ? "a symbol such as BTC/USDT must follow the kind" : nameFault(symbol)!;
}

const venueFault = (): string => "a venue's name has small letters, digits and . _ -";

/** The channel's name for a symbol of a venue, or of the aggregate. */
export function channelName(kind: ChannelKind, symbol: SymbolName, venue: VenueId, interval?: string): string {
  const place = placeOf(symbol, venue);
  return interval === undefined ? `${kind}:${place}` : `${kind}:${place}:${interval}`;
}
