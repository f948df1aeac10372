import type { LevelText, RawTick } from "../../../schemas/ticks.js";
import type { Micros } from "../../../schemas/words.js";
import { instrumentOf } from "../instruments.js";

export const VENUE = "binance";
/** Of a hundred ticks, as in the recordings. */
export const RECORDED_MIX = { trade: 16, quote: 76, depth: 8 } as const;

interface Mix {
  readonly trade: number;
  readonly quote: number;
  readonly depth: number;
}

const LEVELS_EACH_SIDE = 100;
const CHANGED_EACH_SIDE = 10;
const CENTER = 6_183_700;

/**
 * Ticks of many symbols in turn: trades and quotes around a price that stands, depth of about 20 changed levels. Every
 * book is right and every trade new, so that each has its outputs.
 */
export class SyntheticTicks {
  readonly symbols: readonly string[];
  readonly counts = { trade: 0, quote: 0, depth: 0 };
  readonly #kinds: readonly (keyof Mix)[];
  readonly #updateIds: number[];
  #at = 0;
  #tradeId = 1_000_000_000;

  constructor(symbols: number, mix: Mix) {
    this.symbols = Array.from({ length: symbols }, (_, at) => `S${at}/USDT`);
    this.#updateIds = this.symbols.map(() => 1_000_000);
    this.#kinds = spread(mix);
  }

  /** Instruments and whole books. */
  before(time: Micros): RawTick[] {
    return this.symbols.flatMap((symbol, at) => [
      instrumentOf(VENUE, symbol, 2, 5, time),
      {
        kind: "depth",
        exchange: VENUE,
        symbol,
        exchangeTime: time,
        receiveTime: time,
        action: "snapshot",
        firstUpdateId: 0,
        updateId: this.#updateIds[at]!,
        bids: allBids,
        asks: allAsks,
        part: 0,
        parts: 1,
      },
    ]);
  }

  /** Costs little beside what takes the tick in: its texts lie ready, but for the ids. */
  next(time: Micros): RawTick {
    const at = this.#at++;
    const place = at % this.symbols.length;
    const kind = this.#kinds[(at + Math.floor(at / this.symbols.length)) % this.#kinds.length]!;
    const symbol = this.symbols[place]!;
    this.counts[kind]++;
    if (kind === "trade") {
      const text = at % tradePrices.length;
      return {
        kind,
        exchange: VENUE,
        symbol,
        exchangeTime: time,
        receiveTime: time,
        tradeId: String(this.#tradeId++),
        price: tradePrices[text]!,
        qty: tradeQtys[text]!,
        side: at % 3 === 0 ? "sell" : "buy",
      };
    }
    if (kind === "quote") {
      const bid = bidChanges[at % bidChanges.length]![0]!;
      const ask = askChanges[at % askChanges.length]![0]!;
      return {
        kind,
        exchange: VENUE,
        symbol,
        exchangeTime: time,
        receiveTime: time,
        bidPrice: bid[0],
        bidQty: bid[1],
        askPrice: ask[0],
        askQty: ask[1],
        updateId: at,
      };
    }
    // several updates at once, and numbers that never repeat over all symbols' messages of one client
    const before = this.#updateIds[place]!;
    this.#updateIds[place] = before + 3;
    return {
      kind,
      exchange: VENUE,
      symbol,
      exchangeTime: time,
      receiveTime: time,
      action: "increment",
      firstUpdateId: before + 1,
      updateId: before + 3,
      bids: bidChanges[at % bidChanges.length]!,
      asks: askChanges[at % askChanges.length]!,
    };
  }
}

/** Each kind as evenly over a hundred places as it goes. */
function spread(mix: Mix): (keyof Mix)[] {
  const total = mix.trade + mix.quote + mix.depth;
  const due = { trade: 0, quote: 0, depth: 0 };
  return Array.from({ length: total }, () => {
    for (const kind of ["trade", "quote", "depth"] as const) due[kind] += mix[kind];
    const kind = (["trade", "quote", "depth"] as const).reduce((most, one) => (due[one] > due[most] ? one : most));
    due[kind] -= total;
    return kind;
  });
}

const priceText = (units: number) => flat(`${Math.floor(units / 100)}.${String(units % 100).padStart(2, "0")}`);
const qtyText = (seed: number) => flat(`${seed % 3}.${String(10_000 + ((seed * 7907) % 89_999))}`);
const bid = (level: number, seed: number): LevelText => [priceText(CENTER - 1 - level), qtyText(seed)];
const ask = (level: number, seed: number): LevelText => [priceText(CENTER + 101 + level), qtyText(seed)];
/** As `JSON.parse` gives them: in one piece. */
const flat = (text: string): string => Buffer.from(text).toString("latin1");
const tradeTexts = Array.from({ length: 900 }, (_, at) => String(100 + ((at * 7919) % 900)));
const tradePrices = tradeTexts.map((text) => flat(`61837.${text.slice(1)}`));
const tradeQtys = tradeTexts.map((text) => flat(`0.01${text}`));
const allBids = Array.from({ length: LEVELS_EACH_SIDE }, (_, level) => bid(level, level + 1));
const allAsks = Array.from({ length: LEVELS_EACH_SIDE }, (_, level) => ask(level, level + 2));

/** Most changes lie near the best price. */
function changes(level: (level: number, seed: number) => LevelText): LevelText[][] {
  return Array.from({ length: 997 }, (_, seed) => {
    const levels = new Set<number>();
    for (let i = 0; levels.size < CHANGED_EACH_SIDE; i++) {
      levels.add(Math.floor(LEVELS_EACH_SIDE * (((seed * 31 + i * 17) % 100) / 100) ** 2));
    }
    return [...levels].map((each) => level(each, seed + each + 1));
  });
}
const bidChanges = changes(bid);
const askChanges = changes(ask);
