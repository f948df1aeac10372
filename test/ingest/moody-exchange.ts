import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

/** What a moody exchange does; may be changed while it runs. */
export interface Mood {
  /** Its clock is ahead of this machine's. */
  aheadMs: number;
  /** Streams, by name, that it refuses when they are asked for. */
  refuses: (stream: string) => boolean;
  /** Streams that it takes and never sends. */
  silent: (stream: string) => boolean;
  /** What REST's snapshot of a book says its id is, beside the stream's. */
  snapshotId: (streamId: number) => number;
  /** Tick size as REST says it, and the price of the next trade by its number. */
  tickSize: string;
  price: (id: number) => string;
  /** What REST lists of a base, in this order. */
  listings: (base: string) => readonly { readonly symbol: string; readonly status: string }[];
  /** Further levels of the next update of a book, once. */
  nextLevels: { bids: [string, string][]; asks: [string, string][] } | undefined;
}

interface Client {
  readonly socket: WebSocket;
  readonly streams: Set<string>;
}

/** A small Binance spot whose markets trade steadily and which can be ill in ways that the simulator is not. */
export class MoodyExchange {
  readonly mood: Mood = {
    aheadMs: 0,
    refuses: () => false,
    silent: () => false,
    snapshotId: (id) => id,
    tickSize: "0.01",
    price: (id) => `100.0${id % 10}`,
    listings: (base) => [{ symbol: `${base}USDT`, status: "TRADING" }],
    nextLevels: undefined,
  };
  /** By stream, how often it was asked for. */
  readonly asked = new Map<string, number>();
  /** By path, how often REST was asked. */
  readonly requests = new Map<string, number>();
  sockets = 0;
  readonly #clients = new Set<Client>();
  readonly #server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://x");
    this.requests.set(url.pathname, (this.requests.get(url.pathname) ?? 0) + 1);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(this.#rest(url)));
  });
  #id = 100;
  #trade = 0;
  readonly #timer: NodeJS.Timeout;

  private constructor(
    readonly symbols: readonly string[],
    readonly everyMs: number,
  ) {
    new WebSocketServer({ server: this.#server }).on("connection", (socket) => this.#enter(socket));
    this.#timer = setInterval(() => this.#turn(), everyMs);
  }

  /** @param symbols bases of markets in USDT */
  static async start(symbols: readonly string[] = ["BTC", "NEW"], everyMs = 200): Promise<MoodyExchange> {
    const exchange = new MoodyExchange(symbols, everyMs);
    await new Promise<void>((resolve) => exchange.#server.listen(0, "127.0.0.1", resolve));
    return exchange;
  }

  get settings(): { restUrl: string; wsUrl: string } {
    const { port } = this.#server.address() as AddressInfo;
    return { restUrl: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port}` };
  }

  /** The streams that are subscribed, as often as they are. */
  streams(): string[] {
    return [...this.#clients].flatMap(({ streams }) => [...streams]);
  }

  /** Every connection is lost. */
  drop(): void {
    for (const { socket } of this.#clients) socket.terminate();
  }

  /** Ids of trades and updates begin again, while connections go on. */
  beginAgain(): void {
    this.#id = 0;
    this.#trade = 0;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const { socket } of this.#clients) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #rest({ pathname }: URL): unknown {
    if (pathname.endsWith("exchangeInfo")) {
      const filters = [
        { filterType: "PRICE_FILTER", tickSize: this.mood.tickSize },
        { filterType: "LOT_SIZE", stepSize: "0.001" },
      ];
      const of = (base: string) =>
        this.mood.listings(base).map((listing) => ({ ...listing, baseAsset: base, quoteAsset: "USDT", filters }));
      return { symbols: this.symbols.flatMap(of) };
    }
    if (!pathname.endsWith("depth")) return [];
    const lastUpdateId = this.mood.snapshotId(this.#id);
    return { lastUpdateId, bids: [["99.00", "1"]], asks: [["101.00", "1"]] };
  }

  #enter(socket: WebSocket): void {
    this.sockets += 1;
    const client = { socket, streams: new Set<string>() };
    this.#clients.add(client);
    socket.on("close", () => this.#clients.delete(client));
    socket.on("message", (text) => {
      const { method, id, params = [] } = JSON.parse(String(text)) as { method: string; id: number; params?: string[] };
      if (method === "UNSUBSCRIBE") for (const stream of params) client.streams.delete(stream);
      else for (const stream of params) this.asked.set(stream, (this.asked.get(stream) ?? 0) + 1);
      if (method === "SUBSCRIBE" && params.some(this.mood.refuses)) {
        socket.send(JSON.stringify({ error: { code: 2, msg: "no such stream" }, id }));
        return;
      }
      if (method === "SUBSCRIBE") for (const stream of params) client.streams.add(stream);
      socket.send(JSON.stringify({ result: null, id }));
    });
  }

  #turn(): void {
    const time = Date.now() + this.mood.aheadMs;
    this.#id += 1;
    this.#trade += 1;
    const { nextLevels = { bids: [["99.50", String(1 + (this.#id % 7))]], asks: [] } } = this.mood;
    this.mood.nextLevels = undefined;
    const price = this.mood.price(this.#id);
    const markets = this.symbols.flatMap((base) => this.mood.listings(base));
    for (const { symbol: s } of markets.filter(({ status }) => status === "TRADING")) {
      const name = s.toLowerCase();
      this.#say(`${name}@trade`, { e: "trade", E: time, T: time, s, t: this.#trade, p: price, q: "1.000", m: false });
      const ids = { U: this.#id, u: this.#id };
      this.#say(`${name}@depth@100ms`, {
        e: "depthUpdate",
        E: time,
        s,
        ...ids,
        b: nextLevels.bids,
        a: nextLevels.asks,
      });
      this.#say(`${name}@bookTicker`, { u: this.#id, s, b: "99.50", B: "1", a: "101.00", A: "1" });
      this.#say(`${name}@ticker`, {
        e: "24hrTicker",
        E: time,
        s,
        c: price,
        o: "99.00",
        h: "102.00",
        l: "98.00",
        v: "1",
        q: "1",
      });
    }
  }

  #say(stream: string, data: object): void {
    if (this.mood.silent(stream)) return;
    const text = JSON.stringify({ stream, data });
    for (const { socket, streams } of this.#clients) if (streams.has(stream)) socket.send(text);
  }
}
