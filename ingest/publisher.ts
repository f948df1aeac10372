import type { Condition } from "../infra/health.js";
import { appendConditions } from "../infra/log/append-conditions.js";
import type { Log } from "../infra/log/log.js";
import { partitionOf } from "../infra/log/partitioner.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import type { FeedState, HeartbeatTick, IllStream, InstrumentTick, RawTick } from "../schemas/ticks.js";
import type { Micros, SymbolName, VenueId } from "../schemas/words.js";
import { gapTick } from "./book-feed.js";
import { PartitionQueue } from "./partition-queue.js";
import type { TradeWitness } from "./progress.js";

export const rawTopic = "market.raw";

export interface PublisherOptions {
  readonly log: Log;
  /** Id of the schema of `market.raw`'s values. */
  readonly schemaId: number;
  /** Names this run of ingest; with the tick's number it tells a repeat. */
  readonly session: string;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Ticks that are not yet acknowledged, over all partitions; beyond it ticks are dropped. */
  readonly maxTicks?: number;
  readonly maxBytes?: number;
  readonly batchTicks?: number;
  readonly batchBytes?: number;
  /** Milliseconds that a batch may gather while another of its partition is in flight. */
  readonly lingerMs?: number;
  /** Is told of trades and of their acknowledgement. */
  readonly witness?: TradeWitness | undefined;
  /** What is given up is not lost: its source comes with it again. */
  readonly repeatable?: boolean;
  /** Sees every tick, before anything can hold it up. */
  readonly seen?: (tick: RawTick) => void;
  /** Whether the feeds are this process's now. */
  readonly mayPublish?: (() => boolean) | undefined;
  /**
   * There is room again after ticks of a stream were dropped. Of depth, the gap stands in the log already and a
   * snapshot must follow; of trades, the hole can be back-filled.
   */
  readonly onHole?: (hole: Hole) => void;
}

export interface Hole {
  readonly kind: "depth" | "trade";
  readonly exchange: VenueId;
  readonly symbol: SymbolName;
  /** Receive time of the first tick that was dropped. */
  readonly since: Micros;
  /** Receive time of the newest tick that was dropped. */
  readonly until: Micros;
}

/**
 * Ticks into `market.raw`: chooses the partition by the symbol, stamps session and number, encodes once, appends.
 * It never blocks: at its bound it drops, counts by kind and says in the log which books have a hole. Instruments are
 * never dropped, only the newest of each is kept until there is room, before any tick that it governs.
 */
export class Publisher {
  private readonly queues: PartitionQueue[];
  private readonly queueBySymbol = new Map<SymbolName, PartitionQueue>();
  private readonly holes = new Map<string, Hole>();
  private readonly pendingInstruments = new Map<string, InstrumentTick>();
  private readonly roomWaiters: (() => void)[] = [];
  private readonly maxTicks: number;
  private readonly maxBytes: number;
  private number = 0;
  private ticks = 0;
  private bytes = 0;
  private closed = false;

  constructor(private readonly options: PublisherOptions) {
    this.maxTicks = options.maxTicks ?? 10_000;
    this.maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    const { log, schemaId, session, metrics, logger } = options;
    for (const status of ["ok", "error", "dropped"]) metrics.producerMessages.inc({ topic: rawTopic, status }, 0);
    this.queues = Array.from(
      { length: log.partitions(rawTopic) },
      (_, partition) =>
        new PartitionQueue({
          log,
          topic: rawTopic,
          partition,
          schemaId,
          session,
          metrics,
          logger,
          batchTicks: options.batchTicks ?? 100,
          lingerMs: options.lingerMs ?? 10,
          batchBytes: options.batchBytes ?? 512 * 1024,
          witness: options.witness,
          mayPublish: options.mayPublish,
          acknowledged: (ticks, bytes) => this.acknowledged(ticks, bytes),
        }),
    );
  }

  /** Ticks that are not yet acknowledged. */
  get buffered(): number {
    return this.ticks;
  }

  /** Whether the log takes what is published. */
  conditions(): Condition[] {
    return appendConditions(
      rawTopic,
      this.queues.map(({ waiting }) => waiting),
    );
  }

  /**
   * @param number within the session, above all before it; the next one without. Given by a source whose numbers stand
   *   for places of its own, so that what it reads again is known as a repeat
   * @returns false when the tick was dropped (and counted)
   */
  publish(tick: RawTick, number?: number): boolean {
    this.options.seen?.(tick);
    if (number !== undefined) this.number = Math.max(this.number, number - 1);
    if (this.closed) return this.drop(tick, "closed");
    if (this.options.mayPublish?.() === false) return this.drop(tick, "no_lease");
    if (tick.kind === "instrument") return this.publishInstrument(tick);
    if (tick.kind === "heartbeat") return this.everywhere(tick);
    if (this.isFull) return this.drop(tick, "buffer_full");
    if (tick.kind === "depth" && this.holes.size > 0 && this.holes.has(holeKey(tick))) return this.drop(tick, "hole");
    return this.enqueue(this.queueOf(tick.symbol), tick);
  }

  /** A recording's heartbeat: none may be missing, lest two replays differ. Its source waits for room. */
  private everywhere(tick: HeartbeatTick): boolean {
    let all = true;
    for (const queue of this.queues) all = this.enqueue(queue, tick) && all;
    return all;
  }

  /** A live heartbeat into every partition; where one waits already, or nothing has room, it is left out and counted. */
  heartbeat(tick: HeartbeatTick): boolean {
    let all = true;
    // who stands by has nothing to say
    if (this.options.mayPublish?.() === false) return false;
    for (const [partition, queue] of this.queues.entries()) {
      if (tick.end !== true && (queue.hasHeartbeat || this.isFull)) {
        this.options.metrics.dropped.inc({ place: "publisher", reason: "heartbeat" });
        all = false;
      } else {
        all = this.enqueue(queue, this.partOf(tick, partition)) && all;
      }
    }
    return all;
  }

  /** Of the streams that are ill partition 0 hears all, another partition those of its symbols. */
  private partOf(tick: HeartbeatTick, partition: number): HeartbeatTick {
    if (tick.ill === undefined) return tick;
    const { ill, ...rest } = tick;
    const count = this.queues.length;
    const ours = ill.filter(
      ({ symbol }) => partition === 0 || symbol === "" || partitionOf(symbol, count) === partition,
    );
    return ours.length === 0 ? rest : { ...rest, ill: ours };
  }

  /** Resolves when the buffer is at most half full: for sources that can wait, such as a replay. */
  async room(): Promise<void> {
    if (this.ticks * 2 <= this.maxTicks && this.bytes * 2 <= this.maxBytes) return;
    await new Promise<void>((resolve) => this.roomWaiters.push(resolve));
  }

  /** Everything published so far is acknowledged. */
  async flushed(): Promise<void> {
    await Promise.all(this.queues.map((queue) => queue.drained()));
  }

  /**
   * What was published until now is out of the buffer, whatever comes after it.
   *
   * @returns whether the log has it; false when some of it was given up
   */
  async confirmed(): Promise<boolean> {
    const answers = await Promise.all(this.queues.map((queue) => queue.confirmed()));
    return answers.every((inLog) => inLog);
  }

  /** Drains for at most so long; what is left then is counted as dropped. */
  async close(timeoutMs = 3_000): Promise<void> {
    this.closed = true;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.flushed(), timeout]);
    clearTimeout(timer);
    for (const queue of this.queues) queue.stop();
    for (const resolve of this.roomWaiters.splice(0)) resolve();
    if (this.ticks === 0) return;
    if (this.options.repeatable === true) return;
    this.options.metrics.dropped.inc({ place: "publisher", reason: "closed" }, this.ticks);
    this.options.logger.warn({ ticks: this.ticks }, "closed before the log took these ticks; they are lost");
  }

  private get isFull(): boolean {
    return this.ticks >= this.maxTicks || this.bytes >= this.maxBytes;
  }

  private publishInstrument(tick: InstrumentTick): boolean {
    if (!this.isFull) return this.enqueue(this.queueOf(tick.symbol), tick);
    this.pendingInstruments.set(`${tick.exchange}|${tick.symbol}`, tick);
    return true;
  }

  private queueOf(symbol: SymbolName): PartitionQueue {
    let queue = this.queueBySymbol.get(symbol);
    if (queue === undefined) {
      queue = this.queues[partitionOf(symbol, this.queues.length)]!;
      this.queueBySymbol.set(symbol, queue);
    }
    return queue;
  }

  private enqueue(queue: PartitionQueue, tick: RawTick): boolean {
    try {
      this.bytes += queue.add(tick, this.number + 1);
    } catch (error) {
      this.options.logger.error({ err: error }, "a tick could not be encoded and was dropped");
      return this.drop(tick, "unwritable");
    }
    this.number += 1;
    this.ticks += 1;
    return true;
  }

  private drop(tick: RawTick, reason: string): false {
    const { metrics } = this.options;
    metrics.dropped.inc({ place: "publisher", reason: `${reason}_${tick.kind}` });
    metrics.producerMessages.inc({ topic: rawTopic, status: "dropped" });
    if (tick.kind === "depth" || tick.kind === "trade") {
      const key = holeKey(tick);
      const { kind, exchange, symbol, receiveTime } = tick;
      const since = this.holes.get(key)?.since ?? receiveTime;
      this.holes.set(key, { kind, exchange, symbol, since, until: receiveTime });
    }
    return false;
  }

  private acknowledged(ticks: number, bytes: number): void {
    this.ticks -= ticks;
    this.bytes -= bytes;
    if (this.ticks * 2 <= this.maxTicks && this.bytes * 2 <= this.maxBytes) {
      if (this.pendingInstruments.size > 0 || this.holes.size > 0) this.mend();
      if (this.roomWaiters.length > 0) for (const resolve of this.roomWaiters.splice(0)) resolve();
    }
  }

  /**
   * Half of the buffer is free again: what was held back goes first, then the gap of every book with a hole. Sooner
   * would only drop the snapshots that follow. Where nothing may be published, holes stay until something may.
   */
  private mend(): void {
    if (this.closed || this.options.mayPublish?.() === false) return;
    for (const [key, instrument] of this.pendingInstruments) {
      if (this.isFull) return;
      this.pendingInstruments.delete(key);
      this.enqueue(this.queueOf(instrument.symbol), instrument);
    }
    // what is published for a hole may be dropped, too, and leave it again
    for (const [key, hole] of [...this.holes]) {
      if (this.isFull) return;
      this.holes.delete(key);
      if (hole.kind === "depth")
        this.enqueue(this.queueOf(hole.symbol), gapTick("dropped", { ...hole, receiveTime: hole.until }, 0));
      this.options.onHole?.(hole);
    }
  }
}

/** What a source says of its feeds, as the heartbeat of one instant. */
export function heartbeatOf(
  feeds: readonly FeedState[],
  now: Micros,
  end = false,
  ill: readonly IllStream[] = [],
): HeartbeatTick {
  const base = { kind: "heartbeat", exchange: "", symbol: "", exchangeTime: now, receiveTime: now, feeds } as const;
  return { ...base, ...(end && { end }), ...(ill.length > 0 && { ill }) };
}

function holeKey(tick: { kind: string; exchange: VenueId; symbol: SymbolName }): string {
  return `${tick.kind}|${tick.exchange}|${tick.symbol}`;
}
