import type { DepthTick, FeedState, RawTick, TickSink } from "../../schemas/ticks.js";
import type { Micros, SymbolName } from "../../schemas/words.js";
import { BookFeed, bookFeedDefaults } from "../book-feed.js";
import type { Frame, FrameNote, Venue } from "../venue.js";
import { RecordedInstruments } from "./inferred-instruments.js";

interface RecordedBook {
  readonly feed: BookFeed;
  /** The socket that brought its last increment. */
  socket: string;
  increments: number;
}

/**
 * A recording tells no wishes: whenever it brings a snapshot, that one was asked for. So books are ready for one at any
 * time.
 */
const bookOptions = { ...bookFeedDefaults, snapshotEvery: 0 };
const streamOptions = { ...bookFeedDefaults, inStream: true };

interface Connection {
  connected: boolean;
  since: Micros;
}

/** What a recording holds of one venue, on its way to ticks. */
export interface VenueInRecording {
  /**
   * Takes in a frame; ticks come out until it has ended.
   *
   * @throws UnreadableFrame
   */
  frame(frame: Frame): FrameNote | undefined | Promise<FrameNote | undefined>;
  /** Whether the socket is known as connected; if not, a frame from it says that it is. */
  isConnected(feed: string): boolean;
  /**
   * A connection came up or went down: what its books have does not continue then.
   *
   * @param address of the socket, where the recording has it
   */
  connection(feed: string, connected: boolean, time: Micros, address?: string): void;
  onTime(now: Micros): void;
  feeds(): FeedState[];
  /** Books that never got or never found again their snapshot, and how many increments came for each. */
  unfinishedBooks(): { symbol: SymbolName; increments: number }[];
  /** Markets of which frames came and whose ids say no symbol, where that is known. */
  unnamedIds?(): readonly string[];
}

/** What a recording holds of a venue with a connector of its own: through the same reading and book keeping as live frames. */
export class RecordedVenue implements VenueInRecording {
  readonly instruments: RecordedInstruments;
  private readonly books = new Map<SymbolName, RecordedBook>();
  private readonly connections = new Map<string, Connection>();
  private socket = "";
  private line = 0;
  private readonly sink: TickSink = (tick) => this.onTick(tick);

  constructor(
    private readonly venue: Venue,
    private readonly out: TickSink,
  ) {
    this.instruments = new RecordedInstruments(venue.id, out);
  }

  frame(frame: Frame): FrameNote | undefined {
    const { origin } = frame;
    this.socket = "socket" in origin ? origin.socket : "";
    this.line = "socket" in origin ? (origin.line ?? 0) : 0;
    return this.venue.read(frame, this.instruments, this.sink);
  }

  isConnected(feed: string): boolean {
    return this.connections.get(feed)?.connected === true;
  }

  /**
   * Where subscriptions are answered, it comes up after the first snapshots; there the next snapshot says by itself that a
   * book begins anew.
   */
  connection(feed: string, connected: boolean, time: Micros): void {
    if (connected ? this.snapshotsInStream && this.isConnected(feed) : !this.isConnected(feed)) return;
    for (const [symbol, book] of this.books) {
      if (book.socket !== feed) continue;
      if (this.isConnected(feed)) book.feed.disconnected({ exchange: this.venue.id, symbol, receiveTime: time });
      if (connected) book.feed.reconnected(time);
    }
    this.connections.set(feed, { connected, since: time });
  }

  onTime(now: Micros): void {
    for (const { feed } of this.books.values()) feed.onTime(now);
  }

  feeds(): FeedState[] {
    return [...this.connections].map(([feed, state]) => ({ exchange: this.venue.id, feed, ...state }));
  }

  unfinishedBooks(): { symbol: SymbolName; increments: number }[] {
    const unfinished = [...this.books].filter(([, book]) => !book.feed.isLive);
    return unfinished.map(([symbol, { increments }]) => ({ symbol, increments }));
  }

  private get snapshotsInStream(): boolean {
    return this.venue.resubscribe !== undefined;
  }

  private onTick(tick: RawTick): void {
    if (tick.kind === "instrument") {
      this.instruments.learn(tick);
      this.books.get(tick.symbol)?.feed.governed(tick);
      return;
    }
    this.instruments.govern(tick);
    if (tick.kind === "depth") this.onDepth(tick);
    else this.out(tick);
  }

  private onDepth(tick: DepthTick): void {
    let book = this.books.get(tick.symbol);
    if (book === undefined) {
      book = {
        feed: this.bookOf(tick.symbol),
        socket: this.socket,
        increments: 0,
      };
      this.books.set(tick.symbol, book);
    }
    if (tick.action === "increment" || this.snapshotsInStream) {
      book.socket = this.socket;
      book.increments += 1;
    }
    book.feed.depth(tick, this.line);
  }

  private bookOf(symbol: SymbolName): BookFeed {
    const options = this.snapshotsInStream ? streamOptions : bookOptions;
    return new BookFeed(this.venue.sequence(this.instruments.of(symbol)), this.out, () => {}, options);
  }
}
