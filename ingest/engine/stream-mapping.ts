import type { EngineConfig, StreamConfig } from "../../infra/config/engine-config.js";
import type { DepthTick, LevelText, QuoteTick, RawTick, TradeTick } from "../../schemas/ticks.js";
import type { DecimalText, Micros, Side, SymbolName } from "../../schemas/words.js";
import { condition, type FieldPath, fieldPath, type Scope, valueAt } from "./field-path.js";
import { BadValue, decimalOf, idOf, textOf, timeOf } from "./values.js";

/** A record of a topic, read. */
export interface EngineRecord {
  readonly value: unknown;
  readonly key: string | null;
  /** ms since the epoch. */
  readonly timestamp: number;
  readonly offset: number;
  readonly partition: number;
}

/** What became of one event of a record. */
export type Mapped =
  | { readonly tick: RawTick }
  /** Not asked for: `where` says no, or the market is not configured. */
  | { readonly skipped: "filtered" | "unknown_market" };

/** Reads the records of one stream as its configuration says. Pure but for the last update id of each market. */
export class StreamMapping {
  readonly #path: (name: keyof StreamConfig["fields"]) => FieldPath | undefined;
  readonly #symbols: ReadonlyMap<string, SymbolName>;
  readonly #where: (scope: Scope) => boolean;
  readonly #isSnapshot: (scope: Scope) => boolean;
  readonly #isRemoval: (scope: Scope) => boolean;
  readonly #sides: ReadonlyMap<string, Side>;
  readonly #level: { readonly price: readonly string[]; readonly qty: readonly string[] };
  readonly #lastIds = new Map<SymbolName, number>();

  constructor(
    private readonly exchange: string,
    private readonly stream: StreamConfig,
    markets: EngineConfig["markets"],
  ) {
    const paths = new Map(
      Object.entries(stream.fields).flatMap(([name, path]) => (path === undefined ? [] : [[name, fieldPath(path)]])),
    ) as Map<string, FieldPath>;
    this.#path = (name) => paths.get(name);
    this.#symbols = new Map(markets.map(({ nativeId, symbol }) => [nativeId, symbol]));
    this.#where = condition(stream.where);
    this.#isSnapshot = stream.snapshotWhere === undefined ? () => false : condition(stream.snapshotWhere);
    this.#isRemoval = stream.removeWhere === undefined ? () => false : condition(stream.removeWhere);
    const words = (list: readonly string[], side: Side) => list.map((word) => [word.toLowerCase(), side] as const);
    this.#sides = new Map([...words(stream.sides.buy, "buy"), ...words(stream.sides.sell, "sell")]);
    this.#level = { price: stream.fields.levelPrice.split("."), qty: stream.fields.levelQty.split(".") };
  }

  /**
   * The events of a record, in order.
   *
   * @param receiveTime of its ticks
   * @throws BadValue when any of it is not as the mapping says; nothing of it may be used then
   */
  read(record: EngineRecord, receiveTime: Micros): Mapped[] {
    const { value, key, timestamp, offset } = record;
    const { each } = this.stream;
    const scope = { item: value, root: value, key, timestamp, offset };
    if (each === undefined) return [this.#event(scope, record, 0, receiveTime)];
    const items = fieldPath(each)(scope);
    if (!Array.isArray(items)) throw new BadValue(`${each}: expected a list`);
    return items.map((item, index) => this.#event({ ...scope, item }, record, index, receiveTime));
  }

  #event(scope: Scope, record: EngineRecord, index: number, receiveTime: Micros): Mapped {
    if (!this.#where(scope)) return { skipped: "filtered" };
    const symbol = this.stream.symbol ?? this.#symbols.get(textOf(this.#path("symbol")!(scope), "symbol"));
    if (symbol === undefined) return { skipped: "unknown_market" };
    const base = { exchange: this.exchange, symbol, exchangeTime: this.#time(scope), receiveTime };
    switch (this.stream.kind) {
      case "trade":
        return { tick: this.#trade(scope, base, `${record.partition}-${record.offset}-${index}`) };
      case "quote":
        return { tick: this.#quote(scope, base) };
      case "depth":
        return { tick: this.#depth(scope, base) };
    }
  }

  #time(scope: Scope): Micros {
    const { fields, timeUnit } = this.stream;
    return timeOf(this.#path("time")!(scope), fields.time === "@timestamp" ? "ms" : timeUnit, "time");
  }

  #trade(scope: Scope, base: Base, place: string): TradeTick {
    const id = this.#path("tradeId");
    const side = this.#side(scope);
    return {
      ...base,
      kind: "trade",
      tradeId: id === undefined ? place : textOf(id(scope), "tradeId"),
      price: this.#price(this.#path("price")!(scope), "price"),
      qty: this.#qty(this.#path("qty")!(scope), "qty"),
      side: this.stream.makerSide ? (side === "buy" ? "sell" : "buy") : side,
    };
  }

  #quote(scope: Scope, base: Base): QuoteTick {
    const given = (name: "bidPrice" | "bidQty" | "askPrice" | "askQty"): DecimalText => {
      const value = this.#path(name)?.(scope);
      if (value === undefined || value === null) return "";
      return name.endsWith("Price") ? this.#price(value, name) : this.#qty(value, name);
    };
    const id = this.#path("updateId");
    return {
      ...base,
      kind: "quote",
      bidPrice: given("bidPrice"),
      bidQty: given("bidQty"),
      askPrice: given("askPrice"),
      askQty: given("askQty"),
      ...(id !== undefined && { updateId: idOf(id(scope), "updateId") }),
    };
  }

  #depth(scope: Scope, base: Base): DepthTick {
    const isSnapshot = this.#isSnapshot(scope);
    const levels = this.#levels(scope);
    const ids = this.#ids(scope, base.symbol, isSnapshot);
    return { ...base, kind: "depth", action: isSnapshot ? "snapshot" : "increment", ...ids, ...levels };
  }

  #levels(scope: Scope): { bids: LevelText[]; asks: LevelText[] } {
    const { bids, asks } = this.stream.fields;
    if (bids !== undefined || asks !== undefined) {
      return { bids: this.#list(scope, "bids"), asks: this.#list(scope, "asks") };
    }
    const qty = this.#isRemoval(scope) ? "0" : this.#qty(this.#path("qty")!(scope), "qty");
    const level: LevelText = [this.#price(this.#path("price")!(scope), "price"), qty];
    return this.#side(scope) === "buy" ? { bids: [level], asks: [] } : { bids: [], asks: [level] };
  }

  #list(scope: Scope, name: "bids" | "asks"): LevelText[] {
    const value = this.#path(name)?.(scope);
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw new BadValue(`${name}: expected a list of levels`);
    return value.map(
      (level): LevelText => [
        this.#price(valueAt(level, this.#level.price), `${name}: price`),
        this.#qty(valueAt(level, this.#level.qty), `${name}: qty`),
      ],
    );
  }

  /** Ids as the book's reader takes them: it applies what begins at or before the id after its last. */
  #ids(scope: Scope, symbol: SymbolName, isSnapshot: boolean) {
    const at = this.#path("updateId");
    if (at === undefined) return { firstUpdateId: 0, updateId: 0 };
    const updateId = idOf(at(scope), "updateId");
    const first = this.#path("firstUpdateId")?.(scope);
    if (first !== undefined) return { firstUpdateId: idOf(first, "firstUpdateId"), updateId };
    if (this.stream.sequence === "linked" && !isSnapshot) {
      const previousUpdateId = idOf(this.#path("previousUpdateId")!(scope), "previousUpdateId");
      return { firstUpdateId: previousUpdateId + 1, updateId, previousUpdateId };
    }
    if (this.stream.sequence === "contiguous" || isSnapshot) {
      this.#lastIds.set(symbol, updateId);
      return { firstUpdateId: updateId, updateId };
    }
    // with holes: it has all since the last, which before the first of this run is in the log already
    const last = this.#lastIds.get(symbol) ?? 0;
    if (updateId > last) this.#lastIds.set(symbol, updateId);
    return { firstUpdateId: Math.min(last + 1, updateId), updateId };
  }

  #side(scope: Scope): Side {
    const value = this.#path("side")!(scope);
    const side = this.#sides.get(String(value).toLowerCase());
    if (side === undefined)
      throw new BadValue(`side: ${JSON.stringify(String(value).slice(0, 40))} is no word of sides`);
    return side;
  }

  #price(value: unknown, name: string): DecimalText {
    return decimalOf(value, this.stream.priceScale, name);
  }

  #qty(value: unknown, name: string): DecimalText {
    return decimalOf(value, this.stream.qtyScale, name);
  }
}

type Base = Pick<RawTick, "exchange" | "symbol" | "exchangeTime" | "receiveTime">;
