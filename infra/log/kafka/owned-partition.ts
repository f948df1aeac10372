export const partitionName = (topic: string, partition: number): string => `${topic}/${partition}`;

/** A partition while this member of the group has it. */
export class OwnedPartition {
  /** The next offset after what the handler has done with; undefined until it is assigned. */
  position: number | undefined;
  /** The next offset to ask the broker for: ahead of the position while what came is being handled. */
  fetchAt: number | undefined;
  /** Since when its handler works on a batch, by performance.now(); 0 while it does not. */
  busySince = 0;
  assigned = false;
  /** It is somebody else's now. */
  lost = false;
  /** Nothing more is handed to its handler. */
  ending = false;
  failed = false;
  /** Its work goes on beside the fetching loop. */
  aside = false;
  running: Promise<void> = Promise.resolve();
  #givenUp!: () => void;
  readonly #stuck = new Promise<void>((resolve) => {
    this.#givenUp = resolve;
  });

  constructor(
    readonly topic: string,
    readonly partition: number,
  ) {}

  get name(): string {
    return partitionName(this.topic, this.partition);
  }

  /** Its handler is stuck: nobody waits for it. */
  giveUp(): void {
    this.failed = true;
    this.#givenUp();
  }

  /** Resolves when nothing of it runs any more, however that ended. */
  async idle(): Promise<void> {
    for (let running: Promise<void> | undefined; running !== this.running && !this.failed; ) {
      running = this.running;
      await Promise.race([running.catch(() => {}), this.#stuck]);
    }
  }
}
