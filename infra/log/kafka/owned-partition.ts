export const partitionName = (topic: string, partition: number): string => `${topic}/${partition}`;

/** A partition while this member of the group has it. */
export class OwnedPartition {
  /** The next offset after what the handler has done with; undefined until it is assigned. */
  position: number | undefined;
  assigned = false;
  /** It is somebody else's now. */
  lost = false;
  /** Nothing more is handed to its handler. */
  ending = false;
  failed = false;
  /** Its work goes on beside the fetching loop. */
  aside = false;
  running: Promise<void> = Promise.resolve();
  released: Promise<void> = Promise.resolve();

  constructor(
    readonly topic: string,
    readonly partition: number,
  ) {}

  get name(): string {
    return partitionName(this.topic, this.partition);
  }

  /** Resolves when nothing of it runs any more, however that ended. */
  async idle(): Promise<void> {
    for (let running: Promise<void> | undefined; running !== this.running; ) {
      running = this.running;
      await running.catch(() => {});
    }
  }
}
