import type { CcxtClient, CcxtExchange } from "../../ccxt/library.js";

/** Members of ccxt's clients and exchanges that a recording stands in for. */
export interface OfflineClient extends CcxtClient {
  connect: () => unknown;
  send: (message: unknown) => Promise<unknown>;
  isOpen: () => boolean;
  close: () => unknown;
  connected: { resolve: (value: unknown) => void };
  isConnected: boolean;
}
interface Offline {
  enableRateLimit: boolean;
  fetch: (url: string) => Promise<unknown>;
  spawn: (method: (...given: unknown[]) => Promise<unknown>, ...given: unknown[]) => Promise<unknown>;
}

export interface OfflineOptions {
  /** What the exchange answers to what ccxt sends. */
  readonly answer?: ((sent: string) => readonly string[]) | undefined;
  /** The recorded answer of REST to a URL. */
  readonly rest?: ((url: string) => string | undefined) | undefined;
  /** One socket for all of ccxt's addresses. */
  readonly together?: boolean;
}

/** What ccxt has asked for beside a frame may wait for another one, so it is not waited for without an end. */
const spawnedMs = 50;

/**
 * ccxt's exchange without sockets, timers and limits of rate: clients are open as soon as they are asked for, into which
 * recorded frames are fed by `onMessage`, and REST answers what is recorded. Its own watch methods, clients and handlers
 * run as ever.
 */
export class OfflineSockets {
  private readonly clients = new Map<string, { readonly client: OfflineClient; readonly sent: string[] }>();
  private spawned: Promise<unknown>[] = [];

  constructor(
    private readonly ccxt: CcxtExchange,
    private readonly options: OfflineOptions = {},
  ) {
    const offline = ccxt as unknown as Offline;
    offline.enableRateLimit = false;
    offline.fetch = async (url) => {
      const body = options.rest?.(url);
      if (body === undefined) throw new Error(`not recorded: ${url}`);
      return ccxt.parseJson(body);
    };
    const { spawn } = offline;
    // what ccxt begins beside a frame, such as asking for a snapshot, waits for a timer: how many frames come meanwhile
    // must not depend on how fast they are fed
    offline.spawn = (...given) => {
      const work = spawn.apply(ccxt, given);
      this.spawned.push(work.catch(() => {}));
      return work;
    };
    this.listen();
  }

  /** The clients that ccxt has asked for, and what it has sent by them. */
  all(): readonly { readonly client: OfflineClient; readonly sent: readonly string[] }[] {
    return [...this.clients.values()];
  }

  /** All microtasks and one turn of the loop, in which ccxt's watchers ask again; and the end of what ccxt has begun. */
  async settle(): Promise<void> {
    await turn();
    if (this.spawned.length === 0) return;
    const ended = Promise.all(this.spawned);
    this.spawned = [];
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, spawnedMs))]);
    await turn();
  }

  private listen(): void {
    const { ccxt, clients, options } = this;
    const { client: clientOf } = ccxt;
    ccxt.client = (url) => {
      const name = options.together === true ? "" : url;
      const known = clients.get(name);
      if (known !== undefined) {
        ccxt.clients[url] = known.client;
        return known.client;
      }
      const client = clientOf.call(ccxt, url) as OfflineClient;
      const sent: string[] = [];
      clients.set(name, { client, sent });
      client.connected.resolve(url);
      client.isConnected = true;
      client.connect = () => client.connected;
      client.isOpen = () => true;
      client.close = () => {};
      client.send = async (message) => {
        const text = typeof message === "string" ? message : JSON.stringify(message);
        sent.push(text);
        for (const reply of options.answer?.(text) ?? []) setImmediate(() => client.onMessage({ data: reply }));
      };
      return client;
    };
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
