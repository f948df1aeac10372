import type { Cluster, Redis } from "ioredis";
import type { Logger } from "../logging.js";
import { subscribersOf } from "./cluster-subscribers.js";
import { notWritable, type WriteState, whyRefused, writable } from "./write-state.js";

const checkMs = 2000;
const answerMs = 4000;

/**
 * Asks every connection to a cluster's nodes, every two seconds, for a sign of life: one that is silent is ended, and
 * ioredis, which reads every two seconds anew where slots lie, makes another. Where the cluster is ill it says so.
 */
export class ClusterWatch {
  #why: string | undefined = "it is not connected yet";
  #lastError: Error | undefined;
  #isReady = false;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly client: Cluster,
    private readonly purpose: string,
    private readonly logger: Logger,
  ) {
    this.#timer = setInterval(() => void this.check(), checkMs).unref();
    client.on("error", (error: Error & { lastNodeError?: Error }) => {
      this.#lastError = error.lastNodeError ?? error;
    });
    client.on("node error", (error: Error) => {
      this.#lastError = error;
    });
    client.on("ready", () => {
      this.#isReady = true;
      void this.check();
    });
    client.on("close", () => {
      this.#isReady = false;
    });
    client.once("end", () => clearInterval(this.#timer));
  }

  get state(): WriteState {
    if (!this.#isReady) return notWritable(`no connection (${whyRefused(this.#lastError ?? new Error("no answer"))})`);
    return this.#why === undefined ? writable : notWritable(this.#why);
  }

  async check(): Promise<void> {
    if (!this.#isReady) return;
    const primaries = this.client.nodes("master").filter(({ status }) => status === "ready");
    const subscribers = subscribersOf(this.client).filter(({ status }) => status === "ready");
    await Promise.all([...primaries, ...subscribers].map((node) => this.#sign(node)));
    const states = await Promise.all(primaries.map((node) => stateOf(node)));
    const known = states.filter((state) => state !== undefined);
    if (known.length === 0 && primaries.length > 0) this.#why = "none of its nodes answers";
    else this.#why = known.includes("fail") ? "the cluster is down or a slot has no primary (CLUSTERDOWN)" : undefined;
  }

  async #sign(node: Redis): Promise<void> {
    const late = setTimeout(() => {
      const { host, port } = node.options;
      this.logger.warn({ purpose: this.purpose, node: `${host}:${port}` }, "a node of Redis Cluster does not answer");
      node.disconnect();
    }, answerMs);
    await node.ping().catch(() => {});
    clearTimeout(late);
  }
}

/** Of `cluster_state`; undefined where the node does not say. */
async function stateOf(node: Redis): Promise<string | undefined> {
  if (node.status !== "ready") return undefined;
  const info = await (node.cluster("INFO") as Promise<string>).catch(() => "");
  return /cluster_state:(\w+)/.exec(info)?.[1];
}
