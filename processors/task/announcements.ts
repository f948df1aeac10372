import type { Instrument } from "../../schemas/messages.js";
import { isSymbol, isVenue, placeOf } from "../../schemas/names.js";
import type { FeedState, IllStream, InstrumentTick } from "../../schemas/ticks.js";
import type { VenueId } from "../../schemas/words.js";
import type { Outbox } from "../outbox.js";
import type { Json, LogClock, SaveState } from "./operator.js";
import { OutputStream } from "./output-stream.js";
import { illMessages } from "./pulse.js";

export type AnnouncementsJson = readonly (readonly [
  channel: string,
  symbol: string,
  exchange: string,
  epoch: number,
  sequence: number,
])[];

interface VenueFeeds {
  readonly exchange: VenueId;
  readonly feeds: readonly Omit<FeedState, "exchange">[];
  readonly ill: readonly IllStream[];
}

/**
 * What goes to channels alone, without a topic: instruments and the state of feeds. The last message of each instrument
 * is kept with the state, since no log has it.
 */
export class Announcements {
  readonly #instruments = new Map<string, OutputStream>();
  readonly #feeds = new Map<VenueId, OutputStream>();
  readonly #shown = new Map<string, Instrument>();
  /** Instruments whose last message is not in the state yet. */
  readonly #unsaved = new Set<string>();

  constructor(
    readonly outbox: Outbox,
    readonly clock: LogClock,
  ) {}

  instrument(tick: InstrumentTick): void {
    const { symbol, exchange } = tick;
    const name = placeOf(symbol, exchange);
    let stream = this.#instruments.get(name);
    if (stream === undefined) {
      stream = channelStream(`instrument:${name}`, symbol, exchange);
      this.#instruments.set(name, stream);
    }
    const message: Instrument = {
      symbol,
      exchange,
      native_id: tick.nativeId,
      status: tick.status,
      contract_type: tick.contractType,
      base: tick.base,
      quote: tick.quote,
      tick_size: tick.tickSize,
      lot_size: tick.lotSize,
      contract_size: tick.contractSize,
      timestamp: this.clock.now,
      log_time: this.clock.now,
      receive_time: this.clock.received,
    };
    this.#shown.set(name, message);
    this.#unsaved.add(name);
    this.outbox.channelOnly(stream, message);
  }

  feeds(venues: readonly VenueFeeds[]): void {
    for (const { exchange, feeds, ill } of venues) {
      let stream = this.#feeds.get(exchange);
      if (stream === undefined) {
        stream = channelStream(`feed:${exchange}`, "", exchange);
        this.#feeds.set(exchange, stream);
      }
      const { now, received } = this.clock;
      this.outbox.channelOnly(stream, {
        ...{ exchange, feeds, ill: illMessages(ill), timestamp: now, log_time: now, receive_time: received },
      });
    }
  }

  /** Instruments once more, as last values; whether a feed is connected now, its next heartbeat says. */
  again(): void {
    for (const [name, message] of this.#shown) {
      const stream = this.#instruments.get(name);
      if (stream !== undefined) this.outbox.channelAgain(stream, message);
    }
  }

  /** The messages that changed since the last save, by instrument. */
  saveShown(write: SaveState): void {
    for (const name of this.#unsaved) write(name, this.#shown.get(name) as unknown as Json);
    this.#unsaved.clear();
  }

  loadShown(name: string, value: Json): void {
    this.#shown.set(name, value as unknown as Instrument);
  }

  save(): AnnouncementsJson {
    const streams = [...this.#instruments.values(), ...this.#feeds.values()];
    return streams.map((stream) => [stream.channel, stream.symbol, stream.exchange, ...stream.save()]);
  }

  load(saved: AnnouncementsJson): void {
    for (const [channel, symbol, exchange, epoch, sequence] of saved) {
      if (!isVenue(exchange) || (symbol !== "" && !isSymbol(symbol))) continue;
      const stream = channelStream(channel, symbol, exchange);
      if (sequence > 0) stream.load([epoch, sequence]);
      if (channel.startsWith("feed:")) this.#feeds.set(exchange, stream);
      else this.#instruments.set(placeOf(symbol, exchange), stream);
    }
  }
}

/** A stream that only its channel carries: it never becomes a record, whatever its topic says. */
function channelStream(channel: string, symbol: string, exchange: VenueId): OutputStream {
  return new OutputStream("market.dlq", symbol, channel, symbol, exchange);
}
