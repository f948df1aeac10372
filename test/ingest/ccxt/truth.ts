/**
 * What a recording says, read plainly from its frames: the digits as they stand there. Nothing of ccxt and nothing of
 * the plant is used.
 */
export class Truth {
  /** By symbol, id → [price, qty, side]. */
  readonly trades = new Map<string, Map<string, readonly string[]>>();
  /** By symbol, [bid price, bid qty, ask price, ask qty]. */
  readonly quotes = new Map<string, (readonly string[])[]>();
  readonly lastPrices = new Map<string, string[]>();
  private readonly books = new Map<string, { bids: Map<string, string>; asks: Map<string, string> }>();

  constructor(private readonly symbols: Readonly<Record<string, string>>) {}

  trade(nativeId: string, id: unknown, price: unknown, qty: unknown, side: unknown): void {
    const symbol = this.symbols[nativeId];
    if (symbol === undefined) return;
    const trades = of(this.trades, symbol, () => new Map<string, readonly string[]>());
    trades.set(String(id), [plain(price), plain(qty), String(side).toLowerCase()]);
  }

  quote(nativeId: string, values: readonly unknown[]): void {
    const symbol = this.symbols[nativeId];
    if (symbol !== undefined) of(this.quotes, symbol, () => []).push(values.map(plain));
  }

  /** @param price undefined where a frame says that it has not changed */
  last(nativeId: string, price: unknown): void {
    const symbol = this.symbols[nativeId];
    if (symbol === undefined) return;
    const prices = of(this.lastPrices, symbol, () => []);
    prices.push(price === undefined ? prices.at(-1)! : plain(price));
  }

  /** Empties a book, then sets its levels. */
  snapshot(nativeId: string, bids: readonly unknown[], asks: readonly unknown[]): void {
    const symbol = this.symbols[nativeId];
    if (symbol !== undefined) this.books.delete(symbol);
    this.levels(nativeId, bids, asks, true);
  }

  /** Sets levels [price, qty, …]; a quantity of zero removes. Before the snapshot there is no book. */
  levels(nativeId: string, bids: readonly unknown[], asks: readonly unknown[], begin = false): void {
    const symbol = this.symbols[nativeId];
    if (symbol === undefined || (!begin && !this.books.has(symbol))) return;
    const book = of(this.books, symbol, () => ({ bids: new Map<string, string>(), asks: new Map<string, string>() }));
    for (const [side, levels] of [
      [book.bids, bids],
      [book.asks, asks],
    ] as const) {
      for (const level of levels as readonly (readonly unknown[])[]) {
        const [price, qty] = [plain(level[0]), plain(level[1])];
        if (qty === "0") side.delete(price);
        else side.set(price, qty);
      }
    }
  }

  /** Keeps the best levels alone, as some exchanges say that a reader is to. */
  trim(nativeId: string, depth: number): void {
    const book = this.books.get(this.symbols[nativeId] ?? "");
    if (book === undefined) return;
    for (const [side, sign] of [
      [book.bids, -1],
      [book.asks, 1],
    ] as const) {
      const prices = [...side.keys()].sort((a, b) => (Number(a) - Number(b)) * sign);
      for (const price of prices.slice(depth)) side.delete(price);
    }
  }

  book(symbol: string) {
    const { bids, asks } = this.books.get(symbol) ?? { bids: new Map(), asks: new Map() };
    return { bids: sorted(bids), asks: sorted(asks) };
  }

  get bookSymbols(): string[] {
    return [...this.books.keys()];
  }
}

/** Levels as one object with its keys in order. */
export function sorted(side: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...side].map(([price, qty]) => [plain(price), plain(qty)] as const).sort());
}

/** Digits without an exponent and without zeros at the end: a value has one such text. */
export function plain(value: unknown): string {
  const text = String(value);
  const [mantissa = "", exponent] = text.toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const shift = Number(exponent ?? 0);
  const digits = whole + fraction;
  const point = whole.length + shift;
  const padded = point < 0 ? "0".repeat(-point) + digits : digits.padEnd(point, "0");
  const at = Math.max(point, 0);
  const left = padded.slice(0, at).replace(/^0+(?=\d)/, "") || "0";
  const right = padded.slice(at).replace(/0+$/, "");
  return right === "" ? left : `${left}.${right}`;
}

/** An integer that stands for so many decimals, e.g. Phemex's `priceEp`. */
export function scaled(integer: unknown, decimals: number): string {
  return plain(`${String(integer)}e-${decimals}`);
}

function of<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
