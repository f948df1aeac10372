import { binance } from "../../ingest/venues/binance.js";
import { OrderBook } from "../../processors/books/order-book.js";
import { decimalsOf, parseUnits } from "../../schemas/units.js";
import { type Figure, measure, Stopwatch } from "./figure.js";
import { instrumentOf } from "./instruments.js";
import { recordedFrames } from "./recorded-frames.js";
import { TypedArraySide } from "./typed-array-side.js";

/** Level updates of a recorded book in units, its snapshot first. */
interface Updates {
  readonly bids: Uint8Array;
  readonly prices: Float64Array;
  readonly quantities: Float64Array;
  readonly count: number;
}

/** Books: recorded depth updates, level by level, beside typed arrays with nothing around them. */
export async function book(): Promise<Figure[]> {
  const updates = recordedUpdates("usdm/btcusdt_20240808");
  const rounds = Math.max(1, Math.round(1_500_000 / updates.count));
  const truth = bruteForce(updates);
  let bids = new TypedArraySide(1);
  let asks = new TypedArraySide(-1);
  return [
    await measure({
      name: "book: level updates",
      unit: "updates",
      about: `${updates.count} recorded level updates of one book, ${truth.size} levels at the end`,
      verified: "the final book equals a plain map's, every level",
      goal: { coreRate: 4_000_000 },
      run: () => {
        const took = new Stopwatch();
        for (let round = 0; round < rounds; round++) {
          const book = new OrderBook(2, 3);
          took.start();
          apply(updates, book.bids, book.asks);
          took.stop();
          verify(book, truth);
        }
        return { count: rounds * updates.count, took };
      },
      floors: [
        {
          name: "binary search and insertion in typed arrays",
          run: () => {
            for (let round = 0; round < rounds; round++) {
              bids = new TypedArraySide(1);
              asks = new TypedArraySide(-1);
              applyBare(updates, bids, asks);
            }
            return { count: rounds * updates.count };
          },
        },
      ],
    }),
  ];
}

function apply({ bids: isBid, prices, quantities, count }: Updates, bids: OrderBook["bids"], asks: OrderBook["asks"]) {
  for (let at = 0; at < count; at++) {
    if (isBid[at] === 1) bids.set(prices[at]!, quantities[at]!);
    else asks.set(prices[at]!, quantities[at]!);
  }
}

function applyBare({ bids: isBid, prices, quantities, count }: Updates, bids: TypedArraySide, asks: TypedArraySide) {
  for (let at = 0; at < count; at++) {
    if (isBid[at] === 1) bids.set(prices[at]!, quantities[at]!);
    else asks.set(prices[at]!, quantities[at]!);
  }
}

function recordedUpdates(name: string): Updates {
  const instrument = instrumentOf("binanceusdm", "BTC/USDT");
  const bids: number[] = [];
  const prices: number[] = [];
  const quantities: number[] = [];
  let priceScale = 0;
  let qtyScale = 0;
  const texts: [bid: boolean, price: string, qty: string][] = [];
  const frames = recordedFrames(name, "BTCUSDT");
  const inOrder = [
    ...frames.filter(({ kind }) => kind === "snapshot"),
    ...frames.filter(({ kind }) => kind === "depth"),
  ];
  for (const frame of inOrder) {
    binance("binanceusdm").read(frame, { byNativeId: () => instrument }, (tick) => {
      if (tick.kind !== "depth") return;
      for (const [price, qty] of tick.bids) texts.push([true, price, qty]);
      for (const [price, qty] of tick.asks) texts.push([false, price, qty]);
    });
  }
  for (const [, price, qty] of texts) {
    priceScale = Math.max(priceScale, decimalsOf(price));
    qtyScale = Math.max(qtyScale, decimalsOf(qty));
  }
  for (const [bid, price, qty] of texts) {
    bids.push(bid ? 1 : 0);
    prices.push(Number(parseUnits(price, priceScale)));
    quantities.push(Number(parseUnits(qty, qtyScale)));
  }
  return {
    bids: Uint8Array.from(bids),
    prices: Float64Array.from(prices),
    quantities: Float64Array.from(quantities),
    count: texts.length,
  };
}

/** Side and price to quantity. */
function bruteForce({ bids, prices, quantities, count }: Updates): Map<number, number> {
  const levels = new Map<number, number>();
  for (let at = 0; at < count; at++) {
    const key = bids[at] === 1 ? prices[at]! : -prices[at]!;
    if (quantities[at] === 0) levels.delete(key);
    else levels.set(key, quantities[at]!);
  }
  return levels;
}

function verify(book: OrderBook, truth: ReadonlyMap<number, number>): void {
  const { prices, quantities, bidCount, count } = book.levels();
  if (count !== truth.size) throw new Error(`the book has ${count} levels, not ${truth.size}`);
  for (let at = 0; at < count; at++) {
    const price = Number(prices[at]!);
    if (truth.get(at < bidCount ? price : -price) !== quantities[at]) throw new Error(`level ${price} is wrong`);
  }
}
