import type { Logger } from "../logging.js";

/** Changes of one rebalance go into one line. */
const GATHER_MS = 250;

/** Says in the log which partitions a consumer has, as that changes: a line for each time several come and go together. */
export class OwnershipNotes {
  readonly #held = new Set<string>();
  readonly #gained = new Set<string>();
  readonly #lost = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly group: string,
    private readonly logger: Logger,
  ) {}

  get held(): number {
    return this.#held.size;
  }

  gained(topic: string, partition: number): void {
    this.#change(`${topic}/${partition}`, true);
  }

  lost(topic: string, partition: number): void {
    this.#change(`${topic}/${partition}`, false);
  }

  /** Says at once what has gathered. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#gained.size + this.#lost.size === 0) return;
    const { group } = this;
    const said = { group, gained: byTopic(this.#gained), lost: byTopic(this.#lost), held: this.#held.size };
    this.logger.info(said, "partitions changed hands");
    this.#gained.clear();
    this.#lost.clear();
  }

  #change(name: string, held: boolean): void {
    if (this.#held.has(name) === held) return;
    if (held) this.#held.add(name);
    else this.#held.delete(name);
    const [to, from] = held ? [this.#gained, this.#lost] : [this.#lost, this.#gained];
    if (!from.delete(name)) to.add(name);
    this.#timer ??= setTimeout(() => this.end(), GATHER_MS).unref();
  }
}

/** `market.raw 0-3 7` */
function byTopic(names: ReadonlySet<string>): string {
  const topics = new Map<string, number[]>();
  for (const name of names) {
    const slash = name.lastIndexOf("/");
    const topic = name.slice(0, slash);
    topics.set(topic, [...(topics.get(topic) ?? []), Number(name.slice(slash + 1))]);
  }
  return [...topics].map(([topic, partitions]) => `${topic} ${ranges(partitions.sort((a, b) => a - b))}`).join(", ");
}

function ranges(sorted: readonly number[]): string {
  const found: string[] = [];
  for (let from = 0; from < sorted.length; ) {
    let to = from;
    while (sorted[to + 1] === sorted[to]! + 1) to++;
    found.push(to === from ? `${sorted[from]}` : `${sorted[from]}-${sorted[to]}`);
    from = to + 1;
  }
  return found.join(" ");
}
