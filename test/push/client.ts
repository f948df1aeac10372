import { WebSocket } from "ws";

export interface Received {
  op?: string;
  id?: number | string | null;
  code?: string;
  message?: string;
  channel?: string;
  channels?: string[];
  details?: { channel: string; snapshot: boolean; already?: boolean }[];
  dropped?: number;
  reason?: string;
  reasons?: string[];
  omitted?: number;
  status?: string;
  since?: number;
  epoch?: number;
  sequence?: number;
  data?: Record<string, unknown>;
}

/** A plain WebSocket client that keeps all it gets and lets a test wait for something among it. */
export class TestClient {
  readonly received: Received[] = [];
  readonly texts: string[] = [];
  closed: { code: number; reason: string } | undefined;
  private readonly waiting: (() => void)[] = [];

  private constructor(readonly socket: WebSocket) {
    socket.on("message", (bytes) => {
      const text = bytes.toString();
      this.texts.push(text);
      this.received.push(JSON.parse(text) as Received);
      this.wake();
    });
    socket.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.wake();
    });
    socket.on("error", () => {});
  }

  static async connect(url: string, options: { perMessageDeflate?: boolean } = {}): Promise<TestClient> {
    const client = new TestClient(new WebSocket(url, { perMessageDeflate: false, ...options }));
    await client.until(() => client.received.some((message) => message.op === "welcome"));
    return client;
  }

  ask(request: object | string): void {
    this.socket.send(typeof request === "string" ? request : JSON.stringify(request));
  }

  /** Sends a request and waits for its answer: the one with this op and id. */
  async answer(request: { op: string; id: number; channels?: string[]; rate_ms?: number }): Promise<Received> {
    this.ask(request);
    const op = { subscribe: "subscribed", unsubscribe: "unsubscribed", ping: "pong" }[request.op];
    return this.find((message) => message.op === op && message.id === request.id);
  }

  /** The first message, past or to come, of which `matches` is true. */
  async find(matches: (message: Received) => boolean): Promise<Received> {
    await this.until(() => this.received.some(matches));
    return this.received.find(matches) as Received;
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.closed !== undefined && !holds())
        throw new Error(`the connection closed: ${JSON.stringify(this.closed)}`);
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  async untilClosed(): Promise<{ code: number; reason: string }> {
    while (this.closed === undefined) await new Promise<void>((resolve) => this.waiting.push(resolve));
    return this.closed;
  }

  /** Envelopes of a channel, in the order they came. */
  envelopes(channel: string): Received[] {
    return this.received.filter((message) => message.op === undefined && message.channel === channel);
  }

  close(): void {
    this.socket.terminate();
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
