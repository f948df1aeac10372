import type { Micros, SymbolName, VenueId } from "../../schemas/words.js";

export type StreamKind = "trade" | "quote" | "ticker" | "depth" | "oracle";

/** Why a stream is late. */
export interface Lateness {
  readonly exchange: VenueId;
  readonly symbol: SymbolName;
  readonly kind: StreamKind;
  /** `silent`: acknowledged, and never spoke. `stalled`: nothing for longer than its own gaps. `slow`: rarer than it was. */
  readonly how: "silent" | "stalled" | "slow";
  /** Since when nothing came, or it is slow. */
  readonly since: Micros;
  /** In words, without the time. */
  readonly reason: string;
}

/** One kind of tick of one market. Everything about it that changes. */
export class Stream {
  /** When it last spoke; 0 before it ever did. */
  last: Micros = 0;
  /** The end of the arrival at hand, of which ticks that come together are one. */
  arrivedAt: Micros = 0;
  /** When it was subscribed, or its connection came back. */
  since: Micros = 0;
  /** Its connection is up: only then is it judged. */
  up = true;
  /** It was asked for by name: silence is told, not only learned. */
  expected = false;
  gaps = 0;
  /** Mean of the newest gaps, each weighing a fortieth. */
  recentGap = 0;
  /** µs². */
  recentVariance = 0;
  /** Without a word for so long it is stalled; infinite before enough is known. */
  patience: Micros = Number.POSITIVE_INFINITY;
  /** The mean gap of its history, as of the last look at it. */
  usualGap: Micros = 0;
  /** Gaps after which patience is worked out anew. */
  nextLook = 0;
  /** When it began to be late; 0 while it is not. */
  lateSince: Micros = 0;
  slowSince: Micros = 0;
  /** What else of its market moved since it last spoke. */
  moves = 0;

  constructor(
    readonly market: StreamMarket,
    readonly kind: StreamKind,
    /** In the history of gaps. */
    readonly number: number,
  ) {}
}

/** The streams of one symbol at one venue: each is a witness of what the others should say. */
export interface StreamMarket {
  readonly exchange: VenueId;
  readonly symbol: SymbolName;
  readonly streams: Partial<Record<StreamKind, Stream>>;
  /** The ticker's last price and the quote's prices, as last seen. */
  lastPrice: string;
  bidPrice: string;
  askPrice: string;
}
