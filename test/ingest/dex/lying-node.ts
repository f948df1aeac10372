import { type Answer, type Call, nodeProxy } from "./node-proxy.js";

/** How often, in [0, 1], an answer is a lie of its kind. */
export interface Lies {
  /** Logs that are left out, contracts that answer nothing. */
  empty: number;
  /** Answers of a node that is up to three blocks behind. */
  lag: number;
  /** Answers that it is asked too often; the next few are the same. */
  limit: number;
  /** It knows no hashes of blocks where a block is meant (EIP-1898, EIP-234). */
  isOld: boolean;
  /** Its blocks have an empty `logsBloom`. */
  noBloom: boolean;
  /** It gives no receipts of whole blocks. */
  noReceipts: boolean;
}

export const HONEST: Lies = { empty: 0, lag: 0, limit: 0, isOld: false, noBloom: false, noReceipts: false };

interface Block {
  readonly number: string;
  readonly hash: string;
}

const refusal = (code: number, message: string): Answer => ({ error: { code, message } });
/** As Infura, Alchemy and public nodes say it. */
const LIMITS: readonly Answer[] = [
  refusal(-32_005, "request rate exceeded"),
  refusal(429, "Your app has exceeded its compute units per second capacity."),
  { ...refusal(-32_016, "over rate limit"), status: 429, headers: { "retry-after": "0" } },
  refusal(-32_005, "daily request count exceeded, request rate limited"),
];
const NO_BLOOM = `0x${"0".repeat(512)}`;

/** A node of which any answer may be a lie, as those behind a balancer give them; it counts what it is asked. */
export class LyingNode {
  lies: Lies = HONEST;
  readonly asked = new Map<string, number>();
  /** Lies that were told, by kind. */
  readonly told = new Map<string, number>();
  #limited = 0;
  #close: () => void = () => {};
  url = "";

  private constructor(
    readonly target: string,
    readonly random: () => number,
  ) {}

  /** @param random in [0, 1) */
  static async start(target: string, random: () => number): Promise<LyingNode> {
    const node = new LyingNode(target, random);
    const { url, close } = await nodeProxy(target, (call, real) => node.#answer(call, real));
    node.url = url;
    node.#close = close;
    return node;
  }

  close(): void {
    this.#close();
  }

  /** Questions so far, but for the newest block: that one is asked again and again while nothing happens. */
  get questions(): number {
    let sum = 0;
    for (const [name, count] of this.asked) if (name !== "latest") sum += count;
    return sum;
  }

  async #answer(call: Call, real: (call?: Call) => Promise<Answer>): Promise<Answer> {
    const { method, params } = call;
    const name = method === "eth_getBlockByNumber" && params[0] === "latest" ? "latest" : method;
    count(this.asked, name);
    const { lies, random } = this;
    if (this.#limited > 0 || random() < lies.limit) {
      this.#limited = this.#limited > 0 ? this.#limited - 1 : Math.floor(random() * 3);
      return this.#lie("limit", LIMITS[Math.floor(random() * LIMITS.length)]!);
    }
    const block = blockOf(call);
    if (lies.isOld && typeof block === "object") {
      return this.#lie("old", refusal(-32_602, "invalid argument 1: json: cannot unmarshal object into Go value"));
    }
    if (lies.noReceipts && method === "eth_getBlockReceipts") {
      return refusal(-32_601, "the method eth_getBlockReceipts does not exist/is not available");
    }
    if (random() < lies.lag) {
      const behind = await this.#behind(call, real);
      if (behind !== undefined) return this.#lie("lag", behind);
    }
    if (method === "eth_getLogs" && random() < lies.empty) return this.#lie("empty", { result: [] });
    if (method === "eth_call" && random() < lies.empty / 4) return this.#lie("empty call", { result: "0x" });
    const answer = await real();
    if (!lies.noBloom || !method.startsWith("eth_getBlockBy") || !answer.result) return answer;
    return { result: { ...(answer.result as object), logsBloom: NO_BLOOM } };
  }

  #lie(kind: string, answer: Answer): Answer {
    count(this.told, kind);
    return answer;
  }

  /** As a node that has not heard of the newest blocks; undefined where that is no difference. */
  async #behind(call: Call, real: (call?: Call) => Promise<Answer>): Promise<Answer | undefined> {
    const { method, params } = call;
    const ask = async (method: string, ...params: unknown[]) => (await real({ ...call, method, params })).result;
    const newest = Number(await ask("eth_blockNumber"));
    const head = newest - 1 - Math.floor(this.random() * 3);
    if (head < 0) return undefined;
    const hex = `0x${head.toString(16)}`;
    const block = blockOf(call);
    const hash = typeof block === "object" ? block.blockHash : method === "eth_getBlockByHash" ? params[0] : undefined;
    const named = hash === undefined ? undefined : ((await ask("eth_getBlockByHash", hash, false)) as Block | null);
    const number = Number(named?.number ?? (typeof block === "string" && block !== "latest" ? block : newest));
    switch (method) {
      case "eth_getBlockByNumber":
        return number <= head ? undefined : { result: params[0] === "latest" ? await ask(method, hex, false) : null };
      case "eth_getBlockByHash":
      case "eth_getBlockReceipts":
        return number <= head ? undefined : { result: null };
      case "eth_call":
        return number <= head ? undefined : refusal(-32_000, "header not found");
      case "eth_getLogs": {
        const { fromBlock, toBlock } = params[0];
        if (fromBlock === undefined) {
          if (number <= head) return undefined;
          // as Besu did until 2024, and as others do
          return this.random() < 0.5 ? { result: [] } : refusal(-32_000, "unknown block");
        }
        if (Number(toBlock) <= head) return undefined;
        if (Number(fromBlock) > head) return { result: [] };
        return { result: await ask(method, { ...params[0], toBlock: hex }) };
      }
      default:
        return undefined;
    }
  }
}

/** Which block a question is about, as it says so. */
function blockOf({ method, params }: Call): string | { readonly blockHash: string } | undefined {
  switch (method) {
    case "eth_getBlockByNumber":
    case "eth_getBlockReceipts":
      return params[0];
    case "eth_call":
    case "eth_getTransactionCount":
      return params[1];
    case "eth_getLogs":
      return params[0].blockHash === undefined ? params[0].toBlock : { blockHash: params[0].blockHash };
    default:
      return undefined;
  }
}

const count = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
