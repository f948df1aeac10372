import WebSocket from "ws";

/** GETs JSON and trusts its shape. */
export async function getJson<Shape>(url: string): Promise<Shape> {
  return (await (await fetch(url)).json()) as Shape;
}

type LevelTexts = [price: string, qty: string][];

/** What the tests read of the payloads of each channel. */
export interface TradeFrame {
  t: number;
  p: string;
  q: string;
  T: number;
}
export interface QuoteFrame {
  u: number;
  b: string;
  B: string;
  a: string;
  A: string;
}
export interface DepthFrame {
  U: number;
  u: number;
  pu?: number;
  b: LevelTexts;
  a: LevelTexts;
}
export interface SnapshotBody {
  lastUpdateId: number;
  bids: LevelTexts;
  asks: LevelTexts;
}

/** A plain client of Binance's streams that keeps what it was sent and lets a test wait for it. */
export class StreamClient {
  readonly messages: string[] = [];
  closedWith: number | undefined;
  readonly #socket: WebSocket;
  readonly #waiting = new Set<() => void>();

  private constructor(url: string, options: WebSocket.ClientOptions) {
    this.#socket = new WebSocket(url, options);
    this.#socket.on("message", (message) => {
      this.messages.push(message.toString());
      this.#wake();
    });
    this.#socket.on("close", (code) => {
      this.closedWith = code;
      this.#wake();
    });
    this.#socket.on("error", () => this.#wake());
    this.#socket.on("ping", () => this.#wake());
  }

  static async open(url: string, options: WebSocket.ClientOptions = {}): Promise<StreamClient> {
    const client = new StreamClient(url, options);
    await new Promise<void>((resolve, reject) => {
      client.#socket.once("open", resolve);
      client.#socket.once("error", reject);
    });
    return client;
  }

  send(message: unknown): void {
    this.#socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** Sends a request and waits for the answer with its id. */
  async ask(request: { id: number; [field: string]: unknown }): Promise<Record<string, unknown>> {
    this.send(request);
    return await this.next((frame) => frame.id === request.id);
  }

  /** The payloads of one stream so far (combined connections). */
  of<Payload extends object = Record<string, unknown>>(stream: string): Payload[] {
    const prefix = `{"stream":"${stream}"`;
    return this.messages.flatMap((message) => {
      if (!message.startsWith(prefix)) return [];
      try {
        return [JSON.parse(message).data];
      } catch {
        return [];
      }
    });
  }

  /** Waits for a frame, also among those already there. */
  async next(wanted: (frame: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    let seen = 0;
    let found: Record<string, unknown> | undefined;
    await this.until(() => {
      for (; seen < this.messages.length && found === undefined; seen++) {
        const frame = readable(this.messages[seen]!);
        if (frame !== undefined && wanted(frame)) found = frame;
      }
      return found !== undefined;
    });
    return found!;
  }

  /** Resolves once a condition holds; asked again at every message, ping and close. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async close(): Promise<void> {
    this.#socket.terminate();
    await this.until(() => this.closedWith !== undefined);
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

function readable(message: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}
