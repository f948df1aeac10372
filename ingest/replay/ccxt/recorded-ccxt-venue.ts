import type { FeedState, RawTick, TickSink } from "../../../schemas/ticks.js";
import type { Micros, SymbolName, VenueId } from "../../../schemas/words.js";
import { CcxtMarket } from "../../ccxt/ccxt-market.js";
import { type ExactExchange, exactExchange } from "../../ccxt/exact-exchange.js";
import { ccxtSettings } from "../../ccxt/settings.js";
import { type Watch, watchesOf } from "../../ccxt/streams.js";
import { faultOf } from "../../ccxt/watch-loop.js";
import { type FeedKind, type Frame, type FrameNote, UnreadableFrame } from "../../venue.js";
import { RecordedInstruments } from "../inferred-instruments.js";
import type { VenueInRecording } from "../recorded-venue.js";
import type { SymbolParts } from "../symbols.js";
import { ccxtMarketOf } from "./market-of-id.js";
import { type OfflineClient, OfflineSockets } from "./offline-sockets.js";
import type { RecordedFrames, RecordedStream } from "./recorded-frames.js";

const allKinds: readonly FeedKind[] = ["trade", "quote", "ticker", "depth"];

/** One market of a recording. */
interface RecordedMarket {
  readonly parts: SymbolParts;
  readonly market: CcxtMarket;
  readonly asked: Set<FeedKind>;
  readonly watches: RecordedWatch[];
  /** Of several books of it the first that came. */
  book: string | undefined;
  /** Its book came whole since the connection came up. */
  isBegun: boolean;
  depthFrames: number;
}

/** A stream that is asked of ccxt again after each answer; after an error with the next frame, for no time passes. */
interface RecordedWatch extends Watch {
  isAsked: boolean;
}

interface Connection {
  connected: boolean;
  since: Micros;
  /** "" where the recording does not have it. */
  address: string;
  readonly markets: Set<RecordedMarket>;
}

/** Something that ccxt showed and that is no tick. */
export interface RefusedByCcxt {
  readonly reason: string;
  readonly text: string;
}

export interface RecordedCcxtOptions {
  readonly id: VenueId;
  readonly frames: RecordedFrames;
  readonly out: TickSink;
  /** What ccxt shows can not be taken in. */
  readonly refused: (refused: RefusedByCcxt, time: Micros) => void;
  /** Counts what came of a frame beside ticks, e.g. a trade that came again. */
  readonly noted: (name: string) => void;
}

/**
 * What a recording holds of an exchange that comes through ccxt: its frames go through ccxt's own handlers, as live ones do.
 * A market and its streams are asked for when the first frame of them comes. No time passes within ccxt.
 */
export class RecordedCcxtVenue implements VenueInRecording {
  private readonly instruments: RecordedInstruments;
  private readonly markets = new Map<string, RecordedMarket>();
  private readonly connections = new Map<string, Connection>();
  private opened: { readonly exact: ExactExchange; readonly sockets: OfflineSockets } | undefined;
  private now: Micros = 0;
  /** What ccxt's handler failed at, of the frame at hand. */
  private unreadable: string | undefined;
  private readonly unnamed = new Set<string>();

  constructor(private readonly options: RecordedCcxtOptions) {
    this.instruments = new RecordedInstruments(options.id, options.out);
  }

  /** @throws UnreadableFrame */
  async frame(frame: Frame): Promise<FrameNote | undefined> {
    const { origin, text, receiveTime } = frame;
    this.now = receiveTime;
    // what REST answered is not asked for again, and ccxt's own questions are others
    if (!("socket" in origin)) return "ignored";
    const connection = this.connectionOf(origin.socket);
    const streams = this.streamsOf(text).flatMap((stream) => this.marketOf(stream, connection) ?? []);
    if (streams.length === 0) return "ignored";
    const { sockets } = await this.open();
    for (const { market, stream } of streams) {
      connection.markets.add(market);
      await this.ask(market, stream);
    }
    const client = this.clientOf(streams[0]!.market.parts);
    if (client === undefined) return "ignored";
    client.onMessage({ data: text });
    await sockets.settle();
    const { unreadable: why } = this;
    this.unreadable = undefined;
    if (why !== undefined) throw new UnreadableFrame(this.options.id, why);
    return undefined;
  }

  isConnected(feed: string): boolean {
    return this.connections.get(feed)?.connected === true;
  }

  connection(feed: string, connected: boolean, time: Micros, address = ""): void {
    this.now = time;
    const known = this.connectionOf(feed);
    // a socket that comes up anew was lost before, whether or not somebody wrote that down
    if (known.connected) this.lost(known);
    known.connected = connected;
    known.since = time;
    if (address !== "") known.address = address;
  }

  onTime(now: Micros): void {
    for (const { market } of this.markets.values()) market.book?.onTime(now);
  }

  feeds(): FeedState[] {
    const { id: exchange } = this.options;
    return [...this.connections].map(([feed, { connected, since }]) => ({ exchange, feed, connected, since }));
  }

  unfinishedBooks(): { symbol: SymbolName; increments: number }[] {
    return [...this.markets.values()]
      .filter(({ market, depthFrames }) => depthFrames > 0 && market.book?.isLive !== true)
      .map(({ parts: { symbol }, depthFrames: increments }) => ({ symbol, increments }));
  }

  /** Markets of which frames came and whose ids say no symbol. */
  unnamedIds(): readonly string[] {
    return [...this.unnamed];
  }

  private connectionOf(feed: string): Connection {
    let connection = this.connections.get(feed);
    if (connection === undefined) {
      connection = { connected: false, since: this.now, address: "", markets: new Set() };
      this.connections.set(feed, connection);
    }
    return connection;
  }

  private streamsOf(text: string): readonly RecordedStream[] {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      // a few exchanges answer in words (pong)
      if (!/^[[{]/.test(text)) return [];
      throw new UnreadableFrame(this.options.id, "is no JSON");
    }
    return typeof message === "object" && message !== null ? this.options.frames.streams(message) : [];
  }

  private marketOf(
    stream: RecordedStream,
    { address }: Connection,
  ): { readonly market: RecordedMarket; readonly stream: RecordedStream } | undefined {
    const { frames, id } = this.options;
    const parts = frames.market(stream.nativeId, address);
    if (parts === undefined) {
      this.unnamed.add(stream.nativeId);
      return undefined;
    }
    const { symbol } = parts;
    let market = this.markets.get(symbol);
    if (market === undefined) {
      market = {
        parts,
        market: new CcxtMarket({
          exchange: id,
          instrument: this.instruments.name(parts, stream.nativeId),
          kinds: allKinds,
          publish: (tick) => this.publish(tick),
          refuse: (reason, what) => this.refuse(reason, what),
          snapshotEvery: Number.MAX_SAFE_INTEGER,
          tradesLimit: Number.MAX_SAFE_INTEGER,
        }),
        asked: new Set(),
        watches: [],
        book: stream.book,
        isBegun: false,
        depthFrames: 0,
      };
      this.markets.set(symbol, market);
    }
    if (!stream.kinds.includes("depth")) return { market, stream };
    market.book ??= stream.book;
    if (market.book !== stream.book) return undefined;
    market.depthFrames += 1;
    market.isBegun ||= stream.isWhole === true;
    if (market.isBegun) return { market, stream };
    // ccxt would make a book of the changes alone
    const kinds = stream.kinds.filter((kind) => kind !== "depth");
    return kinds.length === 0 ? undefined : { market, stream: { ...stream, kinds } };
  }

  private async open(): Promise<NonNullable<typeof this.opened>> {
    if (this.opened !== undefined) return this.opened;
    const { id } = this.options;
    const exact = await exactExchange(id, ccxtSettings(id, {}), () => this.now, {
      unreadable: (_text, error) => {
        this.unreadable = (error as Error).message;
      },
    });
    this.opened = { exact, sockets: new OfflineSockets(exact.ccxt) };
    return this.opened;
  }

  /** Asks ccxt for the stream if nobody does, and for those that broke off. */
  private async ask(market: RecordedMarket, { kinds }: RecordedStream): Promise<void> {
    const { exact, sockets } = this.opened!;
    const { ccxt } = exact;
    const missing = kinds.filter((kind) => !market.asked.has(kind));
    if (missing.length > 0) {
      if (market.asked.size === 0)
        ccxt.setMarkets([...this.markets.values()].map((one) => ccxtMarketOf(one.market.instrument)));
      for (const kind of missing) market.asked.add(kind);
      const { watches } = watchesOf(ccxt, market.parts.symbol, missing, undefined);
      market.watches.push(...watches.map((watch) => ({ ...watch, isAsked: false })));
    }
    const idle = market.watches.filter(({ isAsked }) => !isAsked);
    if (idle.length === 0) return;
    for (const watch of idle) void this.run(market, watch);
    await sockets.settle();
  }

  /** Until it breaks off. */
  private async run(market: RecordedMarket, watch: RecordedWatch): Promise<void> {
    watch.isAsked = true;
    try {
      for (;;) {
        const value = await watch.watch();
        watch.take(market.market, value, this.now);
      }
    } catch (error) {
      watch.isAsked = false;
      const fault = faultOf(error);
      this.options.noted(fault);
      for (const kind of watch.kinds) market.market.interrupted(kind, fault, this.now);
    }
  }

  private clientOf(parts: SymbolParts): OfflineClient | undefined {
    const all = this.opened!.sockets.all();
    const { isSocket } = this.options.frames;
    return (isSocket === undefined ? all[0] : all.find(({ client }) => isSocket(client.url, parts)))?.client;
  }

  /** What was kept of its streams does not go on; ccxt's sockets stay, since several of the recording's may be one there. */
  private lost({ markets }: Connection): void {
    for (const of of markets) {
      of.isBegun = false;
      for (const kind of of.asked) of.market.interrupted(kind, "reconnect", this.now);
    }
    markets.clear();
  }

  private publish(tick: RawTick): boolean {
    this.instruments.govern(tick);
    this.options.out(tick);
    return true;
  }

  private refuse(reason: string, what: unknown): void {
    if (what === undefined) this.options.noted(reason);
    else this.options.refused({ reason, text: JSON.stringify(what) ?? "" }, this.now);
  }
}
