import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PlantError } from "../../infra/errors.js";
import { guardedOf, guardRefusal, type HttpRefused, refuseUpgrade } from "../../infra/http-door.js";
import { Connections } from "./connections.js";
import { control } from "./control.js";
import type { ConnectionLimits, Dialect, Streams } from "./dialect.js";
import { type DialectName, dialects } from "./dialects.js";
import {
  type FaultName,
  Faults,
  type FaultTarget,
  type GarbageForm,
  type OutgoingFrame,
  type StreamKind,
} from "./faults.js";
import {
  type AggregateText,
  aggregateTexts,
  type BookText,
  bookText,
  klineRows,
  type TradeText,
  tradeTexts,
} from "./inspection.js";
import { defaultSymbols, type SymbolOptions } from "./instruments.js";
import { Market } from "./market.js";
import { type RestAnswer, RestApi } from "./rest.js";

export interface SimulatorOptions {
  /** 0, the default, takes a free one. Listens on 127.0.0.1 only. */
  readonly port?: number;
  /** `spot` (the default) and `usdm` are Binance's; or one that is not in the registry. */
  readonly dialect?: DialectName | Dialect;
  readonly symbols?: readonly (string | SymbolOptions)[];
  /** Order events per second and symbol. */
  readonly rate?: number;
  /** Share of the events that are market orders, 0 to 1. */
  readonly marketShare?: number;
  readonly seed?: string;
  /** Simulators with the same one quote nearly equal prices. */
  readonly commonSeed?: string;
  /** Price over the reference, in basis points. */
  readonly basis?: number;
  /** Resting orders that each side of a book tends to. */
  readonly ordersPerSide?: number;
  /** Trades kept a symbol for REST and inspection, at least; 20,000 by default. */
  readonly keepTrades?: number | "all";
  /** One-minute candles kept a symbol. */
  readonly keepMinutes?: number;
  /** REST weight a minute; the venue's own by default. */
  readonly weightLimit?: number;
  readonly limits?: Partial<ConnectionLimits>;
  /** Opens the books, but lets nobody trade before `resume()`: a reader that connects first misses nothing. */
  readonly paused?: boolean;
  /** How far the exchange's clock is ahead of this machine's, ms; negative where it is behind. */
  readonly clockSkewMs?: number;
}

const tickMs = 10;
/** How long one turn may keep the event loop, and how far the markets may fall behind before time is skipped. */
const sliceMs = 20;
const mayLagMs = 1000;

/** A local exchange that speaks a venue's own REST and WebSocket protocol, from matched books. */
export class Simulator {
  readonly #markets = new Map<string, Market>();
  readonly #faults = new Faults(
    (frame) => this.#connections.deliver(frame),
    () => this.#streams,
  );
  readonly #connections: Connections;
  readonly #streams: Streams;
  readonly #rest: RestApi;
  readonly #server: Server;
  readonly #dialect: Dialect;
  readonly #clock: () => number;
  #timer: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #lastSecond = 0;
  #skippedMs = 0;

  private constructor(options: SimulatorOptions) {
    const { dialect = "spot" } = options;
    this.#dialect = typeof dialect === "string" ? dialects[dialect] : dialect;
    const skewMs = options.clockSkewMs ?? 0;
    this.#clock = () => Date.now() + skewMs;
    const connections = new Connections({ ...this.#dialect.limits, ...options.limits }, () => this.#streams);
    this.#connections = connections;
    const weightLimit = options.weightLimit ?? this.#dialect.weightLimit;
    const exchange = {
      markets: this.#markets,
      weightLimit,
      now: this.#clock,
      wanted: (stream: string) => connections.wanted(stream),
      streams: () => connections.streams(),
      publish: (frame: OutgoingFrame) => this.#faults.pass(frame),
      broadcast: (message: string) => connections.broadcast(message),
    };
    this.#streams = this.#dialect.streams(exchange);
    this.#list(options);
    this.#rest = new RestApi(this.#dialect.rest(exchange), { weightLimit, now: this.#clock });
    this.#rest.onFailure = () => this.#faults.counts.restError++;
    this.#server = createServer({ requireHostHeader: false }, (request, response) => this.#answer(request, response));
    this.#server.on("upgrade", (request, transport, head) => {
      const refusal = guardRefusal(guardedOf(request), loopbackAlone);
      if (refusal === undefined) this.#connections.upgrade(request, transport, head);
      else refuseUpgrade(transport, refusal.error);
    });
  }

  /** Opens the markets and listens. @throws when the port is taken, BadSimulatedSymbol */
  static async start(options: SimulatorOptions = {}): Promise<Simulator> {
    const simulator = new Simulator(options);
    await new Promise<void>((resolve, reject) => {
      simulator.#server.once("error", reject);
      simulator.#server.listen(options.port ?? 0, "127.0.0.1", resolve);
    }).catch((error: unknown) => {
      simulator.#connections.stop();
      throw error;
    });
    simulator.#heartbeat = setInterval(() => simulator.#streams.heartbeat?.(), 1000);
    if (options.paused !== true) simulator.resume();
    return simulator;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Base URL of REST. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Base URL of the streams. */
  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}${this.#dialect.wsPath}`;
  }

  /** Native ids. */
  get symbols(): string[] {
    return [...this.#markets.keys()];
  }

  get connections(): number {
    return this.#connections.count;
  }

  /** Connections that the server ended, by reason. */
  get closed(): Readonly<Record<string, number>> {
    return this.#connections.closed;
  }

  /** Simulated time that was left out because the machine could not keep up, ms. */
  get skippedMs(): number {
    return this.#skippedMs;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    clearInterval(this.#heartbeat);
    this.#timer = undefined;
    this.#faults.stop();
    this.#connections.stop();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Stops the orders and sends all pending depth; connections, pings and REST go on. */
  pause(): void {
    if (this.#timer === undefined) return;
    this.#advance();
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#connections.together(() => {
      for (const market of this.#markets.values()) market.flush();
      this.#faults.release();
      this.#streams.everySecond();
    });
  }

  /** Lets the orders go on, from now. */
  resume(): void {
    if (this.#timer !== undefined) return;
    const now = this.#clock();
    for (const market of this.#markets.values()) market.skipTo(now);
    this.#timer = setInterval(() => this.#advance(), tickMs);
  }

  /** Orders and cancels so far, of a symbol or of all. */
  events(symbol?: string): number {
    const markets = symbol === undefined ? [...this.#markets.values()] : [this.market(symbol)];
    return markets.reduce((events, market) => events + market.events, 0);
  }

  /** The exact market of a symbol, `BTCUSDT` or `BTC/USDT`. @throws NoSuchMarket */
  market(symbol: string): Market {
    const market = this.#markets.get(this.#dialect.nativeId(symbol));
    if (market === undefined) throw new NoSuchMarket(symbol, this.symbols);
    return market;
  }

  /** The whole book as it is now. */
  book(symbol: string): BookText {
    return bookText(this.market(symbol));
  }

  /** All kept trades, oldest first. */
  trades(symbol: string): TradeText[] {
    return tradeTexts(this.market(symbol));
  }

  /** All kept trades as sums of one taker's fills at one price, oldest first. */
  aggregateTrades(symbol: string): AggregateText[] {
    return aggregateTexts(this.market(symbol));
  }

  /**
   * Exact K-lines in Binance's rows, quiet ones flat; the last may be open.
   *
   * @param untilMs the interval that holds this time is the last; the market's time by default
   */
  klines(symbol: string, interval: string, untilMs?: number): (string | number)[][] {
    return klineRows(this.market(symbol), interval, untilMs);
  }

  /** Subscriptions to these kinds of stream are acknowledged and stay silent, as those of a wrong path do. */
  silence(...kinds: readonly StreamKind[]): void {
    this.#faults.silence(...kinds);
  }

  /** What faults have truly happened, each counted once per spoiled frame, cut connection or refused request. */
  faults(): Record<FaultName, number> {
    return { ...this.#faults.counts };
  }

  /** Faults that were asked for and have not happened yet. */
  get pendingFaults(): number {
    return this.#faults.pending + this.#rest.failures;
  }

  /** Frames that stalls kept back for good. */
  get withheld(): number {
    return this.#faults.withheld;
  }

  /** A depth update happens in the book but is not sent. True once it has happened; false if stopped before. */
  sequenceGap(target: FaultTarget = {}): Promise<boolean> {
    return this.#faults.arm("sequenceGap", this.#native(target));
  }

  /** A depth update carries a checksum that is not the book's; only of venues that send one. */
  wrongChecksum(target: FaultTarget = {}): Promise<boolean> {
    return this.#faults.arm("checksum", this.#native(target));
  }

  /** A frame (by default a trade) is sent twice. */
  duplicate(target: FaultTarget = {}): Promise<boolean> {
    return this.#faults.arm("duplicate", this.#native(target));
  }

  /** Two frames of one stream (by default depth) change places. */
  outOfOrder(target: FaultTarget = {}): Promise<boolean> {
    return this.#faults.arm("outOfOrder", this.#native(target));
  }

  /** A broken frame comes before a good one; nothing is lost by it. */
  garbage(target: FaultTarget & { form?: GarbageForm } = {}): Promise<boolean> {
    return this.#faults.arm("garbage", this.#native(target), target.form);
  }

  /** No frames for `ms`, then all of what was missed, or none of it. Resolves when it is over. */
  stall(options: { symbol?: string; ms: number; afterwards: "all" | "none" }): Promise<boolean> {
    return this.#faults.stall(this.#native(options).symbol, options.ms, options.afterwards);
  }

  /** Cuts the connections of a symbol's readers, or all, without a close frame. Returns how many. */
  disconnect(target: { symbol?: string } = {}): number {
    const cut = this.#connections.cut(this.#native(target).symbol);
    this.#faults.counts.disconnect += cut;
    return cut;
  }

  /** Sends the venue's notice that it closes, where it has one, and closes after a while. Returns how many. */
  serverShutdown(target: { symbol?: string; closeAfterMs?: number } = {}): number {
    const told = this.#connections.shutDown(this.#native(target).symbol, target.closeAfterMs ?? 500);
    this.#faults.counts.serverShutdown += told;
    return told;
  }

  /** The next REST requests are refused. */
  restError(options: { status?: number; count?: number } = {}): void {
    this.#rest.fail(options.status ?? 500, options.count ?? 1);
  }

  #native<Target extends { symbol?: string }>(target: Target): Target {
    return target.symbol === undefined ? target : { ...target, symbol: this.#dialect.nativeId(target.symbol) };
  }

  #list(options: SimulatorOptions): void {
    for (const wanted of options.symbols ?? defaultSymbols) {
      const instrument = this.#dialect.instrument(wanted);
      const market = new Market(
        instrument,
        {
          seed: options.seed ?? `tickplant-${nameOf(options.dialect)}`,
          commonSeed: options.commonSeed ?? "tickplant",
          rate: (typeof wanted === "string" ? undefined : wanted.rate) ?? options.rate ?? 100,
          marketShare: options.marketShare ?? 0.15,
          basis: options.basis ?? 0,
          ordersPerSide: options.ordersPerSide ?? 250,
          openTime: this.#clock(),
          keepTrades: options.keepTrades ?? 20_000,
          keepMinutes: options.keepMinutes ?? 50_000,
          updateIdHoles: this.#dialect.updateIdHoles,
        },
        this.#streams,
      );
      this.#markets.set(instrument.id, market);
    }
  }

  /** Lets every market trade up to now, for a bounded time. */
  #advance(): void {
    const until = this.#clock();
    const stopAt = performance.now() + sliceMs;
    this.#connections.together(() => {
      for (const market of this.#markets.values()) {
        if (market.instrument.delisted === true) continue;
        market.runUntil(until, () => performance.now() < stopAt);
        const lag = until - market.time;
        if (lag <= mayLagMs) continue;
        this.#skippedMs += lag;
        market.skipTo(until);
      }
      const second = Math.floor(until / 1000);
      if (second !== this.#lastSecond) this.#streams.everySecond();
      this.#lastSecond = second;
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const refusal = guardRefusal(guardedOf(request), loopbackAlone);
    const path = request.url ?? "/";
    const answer =
      refusal !== undefined
        ? refusedAnswer(refusal.error)
        : URL.canParse(path, this.url)
          ? this.#safely(request.method ?? "GET", new URL(path, this.url))
          : malformed;
    if (refusal !== undefined) response.setHeader("Connection", "close");
    response.writeHead(answer.status, { "Content-Type": "application/json;charset=UTF-8", ...answer.headers });
    response.end(answer.body);
  }

  /** A fault of the simulator's own answers one request, and ends nothing. */
  #safely(method: string, url: URL): RestAnswer {
    try {
      return this.#answerTo(method, url);
    } catch (error) {
      return { status: 500, body: JSON.stringify({ code: -1000, msg: String(error) }), headers: {} };
    }
  }

  #answerTo(method: string, url: URL): RestAnswer {
    if (url.pathname.startsWith("/simulator/")) return control(this, method, url);
    return this.#rest.answer(url.pathname, url.searchParams);
  }
}

const nameOf = (dialect: SimulatorOptions["dialect"] = "spot") => (typeof dialect === "string" ? dialect : "own");

/** It listens on loopback, has no other name, and nothing for pages. */
const loopbackAlone = {};

const refusedAnswer = ({ status, code, message }: HttpRefused): RestAnswer => ({
  status,
  body: JSON.stringify({ code, message }),
  headers: {},
});

const malformed: RestAnswer = { status: 400, body: `{"code":-1000,"msg":"Malformed URL."}`, headers: {} };

/** The simulator was asked for a market that it does not list. */
export class NoSuchMarket extends PlantError {
  constructor(symbol: string, listed: readonly string[]) {
    super("TP_SIMULATOR_NO_MARKET", `the simulator has no market ${symbol}: it lists ${listed.join(", ")}`);
  }
}
