import { LogUnavailable } from "./errors.js";
import { inTime } from "./in-time.js";
import type { KafkaBroker, KafkaCluster } from "./kafkajs-internals.js";

/** Whoever coordinates answers within this time, or is looked for anew. */
const LOOK_UP_MS = 10_000;

export const GROUP = 0;
export const TRANSACTION = 1;

/** The broker that coordinates a group or a transactional id: asked for once, and again when it is another. */
export class CoordinatorLookup {
  #known: KafkaBroker | undefined;
  #asking: Promise<KafkaBroker> | undefined;

  constructor(
    private readonly cluster: KafkaCluster,
    /** The group, or the transactional id. */
    private readonly coordinated: string,
    private readonly coordinatorType: typeof GROUP | typeof TRANSACTION,
  ) {}

  /** @throws LogUnavailable, what kafkajs throws */
  async broker(): Promise<KafkaBroker> {
    if (this.#known?.isConnected()) return this.#known;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** It is another now, or does not answer. */
  forget(): void {
    this.#known = undefined;
  }

  async #ask(): Promise<KafkaBroker> {
    const { cluster, coordinated, coordinatorType } = this;
    const asked = cluster.findGroupCoordinator({ groupId: coordinated, coordinatorType });
    this.#known = await inTime(asked, LOOK_UP_MS, () => new LogUnavailable(`who coordinates ${coordinated}`));
    return this.#known;
  }
}
