import { UnreadableRecord } from "../../schemas/errors.js";
import {
  KIND_DEPTH,
  KIND_HEARTBEAT,
  KIND_INSTRUMENT,
  KIND_ORACLE,
  KIND_QUOTE,
  KIND_TICKER,
  KIND_TRADE,
  RawBatchReader,
} from "../../schemas/raw-batch-reader.js";
import type { HeartbeatTick, InstrumentTick, OracleTick, TickerTick } from "../../schemas/ticks.js";
import { decimalsOf } from "../../schemas/units.js";
import { schemaIdOf } from "../../schemas/wire.js";
import type { Micros, SymbolName, VenueId } from "../../schemas/words.js";
import { Cleaner } from "../clean.js";
import { TOO_FINE } from "../cleaning/exact-units.js";
import { cleanOracle } from "../cleaning/oracle-price.js";
import { Refusal } from "../cleaning/refusal.js";
import { namesOfFlags } from "../cleaning/trade-flags.js";
import { Outbox, type OutputCodecs, type OutputSink } from "../outbox.js";
import type { ProcessSettings } from "../settings.js";
import { rawOperators } from "../topology.js";
import { Announcements, type AnnouncementsJson } from "./announcements.js";
import { Feeds } from "./feeds.js";
import { type FeedHealth, type Market, Markets } from "./market.js";
import type { Json, LogClock, Operator, TaskContext } from "./operator.js";
import { OutputStream } from "./output-stream.js";
import { Pulse } from "./pulse.js";
import { isNamed } from "./saved-names.js";
import { type StateChange, StateKeeper, silentObserver, type Task, type TaskObserver } from "./task.js";
import { Timers } from "./timers.js";

const TOPIC = "market.raw";
/** Keys of the state under which the last message of each instrument's channel stands. */
const SHOWN = "instrument/";
/** Sessions whose numbers are remembered; an older one's retries are long over. */
const MOST_SESSIONS = 64;

export interface RawTaskOptions {
  readonly partition: number;
  readonly settings: ProcessSettings;
  readonly codecs: OutputCodecs;
  readonly sink: OutputSink;
  readonly partitionOf: (symbol: SymbolName) => number;
  readonly observer?: TaskObserver;
}

/**
 * One partition of market.raw: every tick is decoded, cleaned, and shown to the operators. The log's time is the only
 * clock: timers that are due at or before a tick's receive time fire before it.
 */
export class RawTask implements Task {
  readonly name: string;
  readonly clock: LogClock = { now: 0, received: 0 };
  readonly #timers = new Timers();
  readonly #markets = new Markets();
  readonly #reader: RawBatchReader;
  readonly #cleaner: Cleaner;
  readonly #outbox: Outbox;
  readonly #feeds: Feeds;
  readonly #pulse: Pulse;
  readonly #operators: readonly Operator[];
  readonly #onTrade: readonly Operator[];
  readonly #onQuote: readonly Operator[];
  readonly #state: StateKeeper;
  readonly #deadLetters: OutputStream;
  readonly #announcements: Announcements;
  /** The last number of each ingest session: a retried batch repeats them. */
  readonly #sessions = new Map<string, number>();
  readonly #observer: TaskObserver;
  /** Keys of the state to be deleted. */
  readonly #forgotten: string[] = [];
  /** Of the record at hand, once it is known. */
  #session: string | undefined;
  #lastNumber = -1;
  #offset = -1;
  /** Whether this run has seen its first time. */
  #begun = false;

  constructor(readonly options: RawTaskOptions) {
    const { partition, settings, codecs, sink } = options;
    this.name = `${TOPIC}/${partition}`;
    this.#observer = options.observer ?? silentObserver;
    this.#reader = new RawBatchReader(codecs[TOPIC].schemaId);
    this.#cleaner = new Cleaner(settings, this.#markets, this.clock);
    this.#outbox = new Outbox(sink, this.clock, codecs);
    this.#announcements = new Announcements(this.#outbox, this.clock);
    this.#feeds = new Feeds(this.#timers, (exchange, health) => this.#feedChanged(exchange, health));
    this.#pulse = new Pulse(partition, settings.partitions, this.#outbox, this.clock, this.#feeds);
    this.#state = new StateKeeper(this.name);
    this.#deadLetters = new OutputStream("market.dlq", this.name, "", "", "");
    this.#operators = rawOperators((order) => this.#context(order), this.#observer);
    this.#onTrade = this.#operators.filter(({ onTrade }) => onTrade !== undefined);
    this.#onQuote = this.#operators.filter(({ onQuote }) => onQuote !== undefined);
  }

  #context(order: number): TaskContext {
    const { partition, settings, partitionOf } = this.options;
    return {
      task: this.name,
      partition,
      partitionOf,
      settings,
      clock: this.clock,
      timers: this.#timers,
      markets: this.#markets,
      outbox: this.#outbox,
      order,
      feed: (exchange) => this.#feeds.of(exchange),
      refuse: (exchange, symbol, reason, detail) => this.#refuse(exchange, symbol, reason, detail),
    };
  }

  process(value: Uint8Array | null, offset: number): void {
    this.#offset = offset;
    this.#session = undefined;
    if (value === null) return;
    const reader = this.#reader;
    try {
      reader.open(this.#current(value));
      this.#enterSession(reader.session);
      while (reader.next()) this.#take(reader);
      this.#leaveSession();
      this.#observer.ticks(TOPIC, reader.index + 1);
    } catch (error) {
      if (!(error instanceof UnreadableRecord)) throw error;
      this.#leaveSession();
      this.#deadLetter("", "", "unreadable_record", error.message, value, -1);
    }
  }

  /** The record as the reader knows it: what an older schema wrote is brought to today's. */
  #current(value: Uint8Array): Uint8Array {
    const codec = this.options.codecs[TOPIC];
    const older = schemaIdOf(value) !== codec.schemaId && codec.isPreparedFor(value);
    return older ? codec.encode(codec.decode(value)) : value;
  }

  lost(records: number): void {
    this.#observer.refused(TOPIC, "lost_to_retention");
    this.#deadLetter("", "", "lost_to_retention", `${records} records had left the log`, new Uint8Array(0), -1);
  }

  #enterSession(session: string): void {
    this.#session = session;
    this.#lastNumber = this.#sessions.get(session) ?? -1;
  }

  /** The session used last stands last; the first one goes when there are too many. */
  #leaveSession(): void {
    if (this.#session === undefined) return;
    this.#sessions.delete(this.#session);
    this.#sessions.set(this.#session, this.#lastNumber);
    if (this.#sessions.size <= MOST_SESSIONS) return;
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest);
      return;
    }
  }

  #take(reader: RawBatchReader): void {
    if (reader.number <= this.#lastNumber) {
      this.#observer.refused(TOPIC, "repeated_batch");
      return;
    }
    this.#lastNumber = reader.number;
    if (reader.kind === KIND_HEARTBEAT) {
      this.#takeHeartbeat(reader.tick() as HeartbeatTick);
      return;
    }
    this.#advance(reader.receiveTime);
    switch (reader.kind) {
      case KIND_INSTRUMENT:
        this.#takeInstrument(reader.tick() as InstrumentTick);
        return;
      case KIND_ORACLE:
        this.#takeOracle(reader.tick() as OracleTick);
        return;
      default:
        this.#takeMarketTick(reader);
    }
  }

  /** Log time is the highest receive time seen; what is due on the way fires at its own time. */
  #advance(receiveTime: Micros): void {
    if (receiveTime <= this.clock.now) {
      this.clock.received = receiveTime;
      return;
    }
    if (this.#timers.next <= receiveTime) {
      this.#timers.fire(receiveTime, (due) => {
        this.clock.now = Math.max(this.clock.now, due);
      });
    }
    this.clock.now = receiveTime;
    this.clock.received = receiveTime;
    if (this.#begun) return;
    // after a restart too: settings may have brought what the state does not know
    this.#begun = true;
    for (const operator of this.#operators) operator.onTime?.(receiveTime);
  }

  #takeMarketTick(reader: RawBatchReader): void {
    let taken = this.#cleaner.take(reader);
    if (taken === TOO_FINE) taken = this.#takeWider(reader) ?? taken;
    if (taken instanceof Refusal) {
      this.#refuse(reader.exchange, reader.symbol, taken.reason, taken.detail);
      // a book that lost an update is not right any more
      if (reader.kind === KIND_DEPTH) this.#breakBook(reader);
      return;
    }
    switch (reader.kind) {
      case KIND_TRADE:
        if (this.#cleaner.trade.flags !== 0) this.#mark(this.#cleaner.trade.flags, reader);
        if (reader.retractsStart < 0) for (const operator of this.#onTrade) operator.onTrade!(this.#cleaner.trade);
        else for (const operator of this.#operators) operator.onRetraction?.(this.#cleaner.trade);
        return;
      case KIND_QUOTE:
        if (this.#cleaner.quote.marks !== 0) this.#mark(this.#cleaner.quote.marks, reader);
        for (const operator of this.#onQuote) operator.onQuote!(this.#cleaner.quote);
        return;
      case KIND_DEPTH:
        for (const operator of this.#operators) operator.onDepth?.(taken, this.#cleaner.depth);
        return;
      case KIND_TICKER:
        this.#takeTicker(taken, reader);
        return;
    }
  }

  #mark(flags: number, { exchange, symbol }: RawBatchReader): void {
    for (const name of namesOfFlags[flags]!) this.#observer.marked(TOPIC, name, exchange, symbol);
  }

  /** Once more at larger scales, which hold the tick's values; undefined where there are none. */
  #takeWider(reader: RawBatchReader): Market | Refusal | undefined {
    const market = this.#cleaner.widen(reader);
    if (market === undefined) return undefined;
    for (const operator of this.#operators) operator.onScale?.(market);
    return this.#cleaner.take(reader);
  }

  #takeTicker(market: Market, reader: RawBatchReader): void {
    try {
      const tick = reader.tick() as TickerTick;
      const wider = this.#cleaner.widenTo(market, decimalsOf(tick.lastPrice), 0);
      if (wider !== undefined) for (const operator of this.#operators) operator.onScale?.(wider);
      for (const operator of this.#operators) operator.onTicker?.(market, tick);
    } catch (error) {
      this.#refuse(reader.exchange, reader.symbol, "malformed", error instanceof Error ? error.message : String(error));
    }
  }

  #breakBook(reader: RawBatchReader): void {
    const market = this.#markets.find(reader.exchange, reader.symbol);
    if (market?.instrument === undefined) return;
    const { exchangeTime, firstUpdateId, updateId } = reader;
    const tick = { action: "gap", reason: "refused", firstUpdateId, updateId, exchangeTime } as const;
    for (const operator of this.#operators) {
      operator.onDepth?.(market, { tick, prices: [], quantities: [], bidCount: 0, count: 0 });
    }
  }

  #takeInstrument(tick: InstrumentTick): void {
    const governed = this.#cleaner.govern(tick);
    if (governed instanceof Refusal) {
      this.#refuse(tick.exchange, tick.symbol, governed.reason, governed.detail);
      return;
    }
    if (governed.grew) for (const operator of this.#operators) operator.onScale?.(governed.market);
    this.#announcements.instrument(tick);
  }

  /** An oracle's price is no market's: nothing governs it, and nobody trades at it. */
  #takeOracle(tick: OracleTick): void {
    const price = cleanOracle(tick, this.options.settings.futureToleranceMs);
    if (price instanceof Refusal) this.#refuse(tick.exchange, tick.symbol, price.reason, price.detail);
    else for (const operator of this.#operators) operator.onOracle?.(price);
  }

  #takeHeartbeat(tick: HeartbeatTick): void {
    const feeds = tick.feeds ?? [];
    this.#feeds.bridge(feeds, tick.receiveTime);
    this.#advance(tick.receiveTime);
    // every partition hears of the feeds; one shows them
    const changed = this.#feeds.take(feeds, tick.ill ?? [], this.clock.now);
    if (changed && this.options.partition === 0) this.#announcements.feeds(this.#feeds.all());
    this.#pulse.beat(tick.end === true);
  }

  #feedChanged(exchange: VenueId, health: FeedHealth): void {
    this.#cleaner.interrupted(exchange);
    for (const operator of this.#operators) operator.onFeed?.(exchange, health);
    if (this.options.partition === 0 && !health.connected) this.#announcements.feeds(this.#feeds.all());
  }

  #refuse(exchange: VenueId, symbol: string, reason: string, detail: string): void {
    this.#deadLetter(exchange, symbol, reason, detail, this.#reader.original(), this.#reader.index);
  }

  #deadLetter(exchange: string, symbol: string, reason: string, detail: string, original: Uint8Array, index: number) {
    this.#observer.refused(TOPIC, reason);
    this.#outbox.deadLetter(this.#deadLetters, {
      topic: TOPIC,
      partition: this.options.partition,
      offset: this.#offset,
      index,
      exchange,
      symbol,
      reason,
      detail,
      original,
    });
  }

  checkpoint(): StateChange[] {
    return this.#state.changes((write) => {
      for (const key of this.#forgotten.splice(0)) write(key, null);
      this.#cleaner.save((key, value) => write(`clean/${key}`, value));
      for (const operator of this.#operators) operator.save((key, value) => write(`${operator.name}/${key}`, value));
      this.#announcements.saveShown((name, value) => write(`${SHOWN}${name}`, value));
      write("task", this.#save());
    });
  }

  #save(): Json {
    return {
      offset: this.#offset + 1,
      now: this.clock.now,
      received: this.clock.received,
      sessions: [...this.#sessions],
      deadLetters: this.#deadLetters.save(),
      feeds: this.#feeds.save(),
      pulse: this.#pulse.save(),
      streams: this.#announcements.save(),
    };
  }

  restore(records: ReadonlyMap<string, string>): number | undefined {
    let position: number | undefined;
    const later: (() => void)[] = [];
    this.#state.restore(records, (key, value) => {
      // an earlier version took names in that nobody can ask for: such a market is forgotten, and its state deleted
      if (!isNamed(value)) this.#forget(key);
      else if (key === "task") position = this.#load(value as unknown as TaskJson);
      else if (key.startsWith("clean/")) this.#cleaner.load(value);
      else if (key.startsWith(SHOWN)) this.#announcements.loadShown(key.slice(SHOWN.length), value);
      else later.push(() => this.#loadOperator(key, value));
    });
    // operators hold integers at the scales that the instruments bring
    for (const load of later) load();
    return position;
  }

  announce(): void {
    this.#announcements.again();
  }

  #forget(key: string): void {
    this.#forgotten.push(key);
    this.#observer.refused(TOPIC, "bad_name");
  }

  #loadOperator(key: string, value: Json): void {
    const slash = key.indexOf("/");
    const name = key.slice(0, slash);
    this.#operators.find((operator) => operator.name === name)?.load(key.slice(slash + 1), value);
  }

  #load(saved: TaskJson): number {
    this.#offset = saved.offset - 1;
    this.clock.now = saved.now;
    this.clock.received = saved.received ?? saved.now;
    for (const [session, number] of saved.sessions) this.#sessions.set(session, number);
    if (saved.deadLetters[1] > 0) this.#deadLetters.load(saved.deadLetters);
    this.#feeds.load(saved.feeds);
    if (saved.pulse !== undefined) this.#pulse.load(saved.pulse);
    this.#announcements.load(saved.streams);
    return saved.offset;
  }
}

interface TaskJson {
  readonly offset: number;
  readonly now: Micros;
  /** Missing in states of before there was one. */
  readonly received?: Micros;
  readonly sessions: readonly (readonly [string, number])[];
  readonly deadLetters: readonly [number, number];
  readonly feeds: Json;
  readonly pulse?: Json;
  readonly streams: AnnouncementsJson;
}
