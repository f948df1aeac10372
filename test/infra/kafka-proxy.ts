import { connect, createServer, type Server, type Socket } from "node:net";
import { type KafkaHandle, startKafka } from "../../scripts/services/kafka.mjs";
import { freePort } from "../plant/plant-process.js";

/** What stands in the header of a request that went through. */
export interface RequestHead {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
}

/** What the proxy does; all passes where a member is missing. */
export interface ProxyRules {
  /** @returns what the client is answered without the broker; undefined lets it through */
  request?(head: RequestHead): Buffer | undefined;
  /** @returns what the client gets instead; undefined ends the connection when the answer is due */
  answer?(head: RequestHead, answer: Buffer): Buffer | undefined;
  /** Milliseconds by which each answer is late. */
  delayMs?: number;
}

/**
 * Stands between a plant and a broker, which advertises it. It reads where requests and answers begin and end, so a test
 * says of each what becomes of it. Silent, it takes connections and bytes, old and new, and passes nothing on, as a
 * machine does whose power or whose cable went.
 */
export class KafkaProxy {
  rules: ProxyRules = {};
  /** Requests that the broker got, by key. */
  readonly seen = new Map<number, RequestHead[]>();
  #isSilent = false;
  #isMute = false;
  readonly #sockets = new Set<Socket>();

  private constructor(
    readonly port: number,
    private readonly server: Server,
    /** The broker's port; it may start later. */
    public target: number,
  ) {}

  static async start(target = 0): Promise<KafkaProxy> {
    const port = await freePort();
    let proxy!: KafkaProxy;
    const server = createServer((client) => proxy.#pass(client));
    proxy = new KafkaProxy(port, server, target);
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Connections that are open on the plant's side stay silent for ever, those that come as long as this holds. */
  silence(): void {
    this.#isSilent = true;
  }

  speak(): void {
    this.#isSilent = false;
  }

  /** Requests arrive, and no answer comes back; connections that are open stay so for ever. */
  mute(): void {
    this.#isMute = true;
  }

  unmute(): void {
    this.#isMute = false;
  }

  /** Ends all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #pass(client: Socket): void {
    this.#keep(client);
    let isDead = this.#isSilent;
    const hears = () => {
      isDead ||= this.#isSilent;
      return !isDead;
    };
    if (!hears()) {
      client.on("data", () => {});
      return;
    }
    const broker = connect({ host: "127.0.0.1", port: this.target });
    this.#keep(broker);
    const waiting = new Map<number, RequestHead>();
    let isDumb = false;
    client.on(
      "data",
      framed((frame) => {
        if (!hears()) return;
        const [apiKey, apiVersion] = [frame.readInt16BE(0), frame.readInt16BE(2)];
        const head = { apiKey, apiVersion, correlationId: frame.readInt32BE(4) };
        const own = this.rules.request?.(head);
        if (own !== undefined) {
          client.write(withLength(own));
          return;
        }
        waiting.set(head.correlationId, head);
        this.seen.set(head.apiKey, [...(this.seen.get(head.apiKey) ?? []), head]);
        broker.write(withLength(frame));
      }),
    );
    broker.on(
      "data",
      framed((frame) => {
        const head = waiting.get(frame.readInt32BE(0));
        waiting.delete(frame.readInt32BE(0));
        const answer = head === undefined ? frame : (this.rules.answer ?? ((_, bytes) => bytes))(head, frame);
        isDumb ||= this.#isMute;
        const give = () => {
          if (isDumb || !hears() || client.destroyed) return;
          if (answer === undefined) client.destroy();
          else client.write(withLength(answer));
        };
        if (this.rules.delayMs === undefined) give();
        else setTimeout(give, this.rules.delayMs);
      }),
    );
    // a machine without power says no farewell either
    client.on("close", () => broker.destroy());
    broker.on("close", () => {
      if (hears()) client.destroy();
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}

/** A broker that clients reach over a proxy alone; itself, as the coordinator of transactions, it reaches without. */
export async function startProxiedKafka(): Promise<{ kafka: KafkaHandle; proxy: KafkaProxy }> {
  const [port, ownPort, controllerPort] = [await freePort(), await freePort(), await freePort()];
  const proxy = await KafkaProxy.start(port);
  const own = `INTERNAL://127.0.0.1:${ownPort}`;
  const kafka = await startKafka({
    port,
    controllerPort,
    properties: {
      listeners: `PLAINTEXT://127.0.0.1:${port},${own},CONTROLLER://127.0.0.1:${controllerPort}`,
      "advertised.listeners": `PLAINTEXT://${proxy.address},${own}`,
      "inter.broker.listener.name": "INTERNAL",
      "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
    },
  });
  return { kafka, proxy };
}

/** Calls with each whole frame, without its length. */
function framed(take: (frame: Buffer) => void): (bytes: Buffer) => void {
  let left: Buffer = Buffer.alloc(0);
  return (bytes) => {
    left = left.length === 0 ? bytes : Buffer.concat([left, bytes]);
    while (left.length >= 4 && left.length >= 4 + left.readInt32BE(0)) {
      const end = 4 + left.readInt32BE(0);
      take(left.subarray(4, end));
      left = left.subarray(end);
    }
  };
}

function withLength(frame: Buffer): Buffer {
  const length = Buffer.allocUnsafe(4);
  length.writeInt32BE(frame.length);
  return Buffer.concat([length, frame]);
}

/** Whose versions are answered: the broker's, with a bound. Version 0 to 2 of the answer; kafkajs asks with no newer. */
export function boundVersions(answer: Buffer, bounds: Readonly<Record<number, number>>): Buffer {
  const bytes = Buffer.from(answer);
  const count = bytes.readInt32BE(6);
  for (let at = 10, left = count; left > 0; left--, at += 6) {
    const bound = bounds[bytes.readInt16BE(at)];
    if (bound !== undefined) bytes.writeInt16BE(Math.min(bound, bytes.readInt16BE(at + 4)), at + 4);
  }
  return bytes;
}

/** An answer to an append to one partition of one topic, with an error code. Versions 9 to 11. */
export function appendAnswer({ correlationId }: RequestHead, topic: string, errorCode: number, partition = 0): Buffer {
  const name = Buffer.from(topic);
  const bytes = Buffer.alloc(4 + 1 + 1 + 1 + name.length + 1 + 4 + 2 + 24 + 1 + 1 + 1 + 1 + 4 + 1);
  bytes.writeInt32BE(correlationId, 0);
  // no tagged fields, one topic, its name, one partition
  let at = 5;
  at = bytes.writeUInt8(2, at);
  at = bytes.writeUInt8(name.length + 1, at);
  at += name.copy(bytes, at);
  at = bytes.writeUInt8(2, at);
  at = bytes.writeInt32BE(partition, at);
  at = bytes.writeInt16BE(errorCode, at);
  bytes.fill(0xff, at, at + 24);
  // no refused records; no words, no throttling, no tagged fields are zeros
  bytes.writeUInt8(1, at + 24);
  return bytes;
}

export const API = {
  produce: 0,
  fetch: 1,
  metadata: 3,
  offsetCommit: 8,
  findCoordinator: 10,
  joinGroup: 11,
  heartbeat: 12,
  syncGroup: 14,
  apiVersions: 18,
  initProducerId: 22,
  addPartitionsToTxn: 24,
  addOffsetsToTxn: 25,
  endTxn: 26,
  txnOffsetCommit: 28,
} as const;
