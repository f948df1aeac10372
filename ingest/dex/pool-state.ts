import type { PoolEvent } from "./events.js";
import type { Protocol } from "./pool.js";
import { type Ratio, ratioOfReserves, ratioOfRoot } from "./price.js";

/** What a pool holds at one moment, in the chain's whole numbers. */
export interface PoolReserves {
  /** Constant product. */
  reserve0: bigint;
  reserve1: bigint;
  /** Concentrated liquidity: root of the price, liquidity in range, tick. */
  sqrtPriceX96: bigint;
  liquidity: bigint;
  tick: number;
}

/** What takes a run of events back exactly. */
export interface PoolUndo {
  readonly before: Readonly<PoolReserves>;
  readonly known: boolean;
  /** Changes of net liquidity by tick, in their order. */
  readonly net: (readonly [tick: number, change: bigint])[];
}

/** A pool as its events leave it. Events come in the chain's order; a block is taken back by what `begin` returned. */
export class PoolState implements PoolReserves {
  reserve0 = 0n;
  reserve1 = 0n;
  sqrtPriceX96 = 0n;
  liquidity = 0n;
  tick = 0;
  /** Whether price and liquidity are known: from a call, or from the pool's first event that says them. */
  known = false;
  /** v3: liquidity that comes in where the tick is crossed upwards, by tick; those without are left out. */
  readonly net = new Map<number, bigint>();

  constructor(readonly protocol: Protocol) {}

  /** The marginal price; undefined before it is known, and of an empty pool. */
  get ratio(): Ratio | undefined {
    if (!this.known) return undefined;
    if (this.protocol === "v3") return this.sqrtPriceX96 === 0n ? undefined : ratioOfRoot(this.sqrtPriceX96);
    return this.reserve0 === 0n || this.reserve1 === 0n ? undefined : ratioOfReserves(this.reserve0, this.reserve1);
  }

  /** Remembers what it is now, so that the events that follow can be taken back. */
  begin(): PoolUndo {
    const { reserve0, reserve1, sqrtPriceX96, liquidity, tick, known } = this;
    return { before: { reserve0, reserve1, sqrtPriceX96, liquidity, tick }, known, net: [] };
  }

  undo({ before, known, net }: PoolUndo): void {
    Object.assign(this, before);
    this.known = known;
    for (const [tick, change] of net) this.#addNet(tick, -change);
  }

  apply(event: PoolEvent, undo?: PoolUndo): void {
    switch (event.kind) {
      case "sync":
        this.reserve0 = event.reserve0;
        this.reserve1 = event.reserve1;
        this.known = true;
        return;
      case "swap":
        if (event.concentrated === undefined) return;
        this.#priced(event.concentrated);
        this.liquidity = event.concentrated.liquidity;
        return;
      case "initialize":
        this.#priced(event);
        return;
      case "mint":
      case "burn":
        this.#provided(event, undo);
        return;
    }
  }

  #priced({ sqrtPriceX96, tick }: { sqrtPriceX96: bigint; tick: number }): void {
    this.sqrtPriceX96 = sqrtPriceX96;
    this.tick = tick;
    this.known = true;
  }

  /** Source: v3-core, `UniswapV3Pool._modifyPosition` and `Tick.update`. */
  #provided({ kind, range }: Extract<PoolEvent, { kind: "mint" | "burn" | "collect" }>, undo?: PoolUndo): void {
    if (range?.liquidity === undefined || range.liquidity === 0n) return;
    const change = kind === "mint" ? range.liquidity : -range.liquidity;
    this.#addNet(range.tickLower, change);
    this.#addNet(range.tickUpper, -change);
    undo?.net.push([range.tickLower, change], [range.tickUpper, -change]);
    if (range.tickLower <= this.tick && this.tick < range.tickUpper) this.liquidity += change;
  }

  #addNet(tick: number, change: bigint): void {
    const net = (this.net.get(tick) ?? 0n) + change;
    if (net === 0n) this.net.delete(tick);
    else this.net.set(tick, net);
  }
}
