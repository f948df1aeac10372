import { placeOf } from "../schemas/names.js";
import { AGGREGATE } from "../schemas/words.js";
import type { Market } from "./task/market.js";
import type { CleanTrade, Json, Operator, SaveState, TaskContext } from "./task/operator.js";
import { OutputStream } from "./task/output-stream.js";

interface TradeStreamsJson {
  readonly exchange: string;
  readonly symbol: string;
  readonly stream: readonly [number, number];
}

interface TapeJson {
  readonly symbol: string;
  readonly stream: readonly [number, number];
}

/** Cleaned trades, one for one: each on its venue's stream, and on the symbol's tape over all venues. */
export class TradeOperator implements Operator {
  readonly name = "trade";
  readonly #streams: (OutputStream | undefined)[] = [];
  readonly #tapes: (OutputStream | undefined)[] = [];

  constructor(readonly context: TaskContext) {}

  onTrade(trade: CleanTrade): void {
    const { market } = trade;
    const stream = this.#streams[market.id] ?? this.#create(market);
    this.context.outbox.trade(stream, this.#tapes[market.group.id]!, trade);
  }

  /** Goes out as a trade that names the one it takes back. */
  onRetraction(trade: CleanTrade): void {
    this.onTrade(trade);
  }

  #create(market: Market): OutputStream {
    const { symbol, exchange, group } = market;
    const name = placeOf(symbol, exchange);
    const stream = new OutputStream("market.trade", symbol, `trade:${name}`, symbol, exchange);
    this.#streams[market.id] = stream;
    this.#tapes[group.id] ??= new OutputStream("market.trade", symbol, `trade:${symbol}`, symbol, AGGREGATE);
    return stream;
  }

  save(write: SaveState): void {
    for (const { id, exchange, symbol } of this.context.markets.all) {
      const stream = this.#streams[id];
      if (stream === undefined) continue;
      const saved: TradeStreamsJson = { exchange, symbol, stream: stream.save() };
      write(`stream/${symbol}@${exchange}`, saved as unknown as Json);
    }
    for (const { id, symbol } of this.context.markets.groups) {
      const tape = this.#tapes[id];
      if (tape !== undefined) write(`tape/${symbol}`, { symbol, stream: tape.save() } as unknown as Json);
    }
  }

  load(key: string, value: Json): void {
    if (key.startsWith("stream/")) {
      const saved = value as unknown as TradeStreamsJson;
      const stream = this.#create(this.context.markets.findOrAdd(saved.exchange, saved.symbol));
      if (saved.stream[1] > 0) stream.load(saved.stream);
      return;
    }
    const saved = value as unknown as TapeJson;
    const tape = this.#tapes[this.context.markets.groupOf(saved.symbol).id];
    if (saved.stream[1] > 0) tape?.load(saved.stream);
  }
}
