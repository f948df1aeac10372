import type { Interval } from "../../schemas/kline-intervals.js";
import type { Micros } from "../../schemas/words.js";
import { Candle, type CandleJson } from "./candle.js";

const CANDLES_A_CHUNK = 60;

/**
 * One interval's closed candles, as far back as late trades may reach. They are kept and checkpointed by chunks of 60
 * intervals, so that a change writes little. A quiet candle that was never amended is not held: it follows from the
 * one before it.
 */
export class ClosedCandles {
  readonly #chunks = new Map<number, Map<Micros, Candle>>();
  readonly #dirty = new Set<number>();

  constructor(readonly interval: Interval) {}

  get(openTime: Micros): Candle | undefined {
    return this.#chunks.get(this.#chunkOf(openTime))?.get(openTime);
  }

  put(candle: Candle): void {
    const id = this.#chunkOf(candle.openTime);
    let chunk = this.#chunks.get(id);
    if (chunk === undefined) {
      chunk = new Map();
      this.#chunks.set(id, chunk);
    }
    chunk.set(candle.openTime, candle);
    this.#dirty.add(id);
  }

  /** Call after changing a candle that is held. */
  touch(openTime: Micros): void {
    this.#dirty.add(this.#chunkOf(openTime));
  }

  /** Drops whole chunks that ended before the horizon. */
  prune(horizon: Micros): void {
    for (const id of this.#chunks.keys()) {
      if ((id + 2) * this.interval.length * CANDLES_A_CHUNK < horizon) {
        this.#chunks.delete(id);
        this.#dirty.add(id);
      }
    }
  }

  rescale(price: number, qty: number, quote: number): void {
    for (const [id, chunk] of this.#chunks) {
      this.#dirty.add(id);
      for (const candle of chunk.values()) candle.rescale(price, qty, quote);
    }
  }

  /** Hands over the chunks that changed; null for one that is gone. */
  save(now: Micros, write: (chunk: number, candles: CandleJson[] | null) => void): void {
    for (const id of [...this.#dirty].sort((a, b) => a - b)) {
      const chunk = this.#chunks.get(id);
      write(id, chunk === undefined ? null : [...chunk.values()].map((candle) => candle.save(now)));
    }
    this.#dirty.clear();
  }

  /** The newest candle with trades that is held and began before. */
  tradedBefore(openTime: Micros): Candle | undefined {
    for (let id = this.#chunkOf(openTime); id >= this.#first(); id--) {
      let found: Candle | undefined;
      for (const candle of this.#chunks.get(id)?.values() ?? []) {
        const earlier = candle.count > 0 && candle.openTime < openTime;
        if (earlier && (found === undefined || candle.openTime > found.openTime)) found = candle;
      }
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #first(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const id of this.#chunks.keys()) if (id < first) first = id;
    return first;
  }

  load(candles: readonly CandleJson[]): void {
    for (const saved of candles) this.put(Candle.load(saved));
    this.#dirty.clear();
  }

  #chunkOf(openTime: Micros): number {
    return Math.floor(openTime / (this.interval.length * CANDLES_A_CHUNK));
  }
}
