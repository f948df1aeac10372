/** Why a request could not wait. */
export type QueueRefusal = "too many waiting queries" | "too many waiting bytes";

interface Waiting {
  readonly reads: boolean;
  start(): void;
}

/**
 * Admits a bounded number of requests to the engine at once, in order of arrival; one place is kept free of reads, so
 * that long queries never hold up inserts. The rest wait, bounded by number and by bytes.
 */
export class WaitingQueue {
  private readonly waiting: Waiting[] = [];
  private running = 0;
  private runningReads = 0;
  private bytes = 0;

  constructor(private readonly bounds: { running: number; waiting: number; bytes: number }) {}

  /** Requests that run or wait. */
  get size(): number {
    return this.running + this.waiting.length;
  }

  /** Takes room for a body that is still arriving. @returns why not, or undefined */
  reserve(bytes: number): QueueRefusal | undefined {
    if (this.bytes + bytes > this.bounds.bytes) return "too many waiting bytes";
    this.bytes += bytes;
    return undefined;
  }

  release(bytes: number): void {
    this.bytes -= bytes;
  }

  get full(): QueueRefusal | undefined {
    return this.waiting.length >= this.bounds.waiting ? "too many waiting queries" : undefined;
  }

  /** Runs the work when its turn comes. */
  async run<Result>(reads: boolean, work: () => Promise<Result>): Promise<Result> {
    await new Promise<void>((resolve) => {
      this.waiting.push({ reads, start: resolve });
      this.next();
    });
    try {
      return await work();
    } finally {
      this.running -= 1;
      if (reads) this.runningReads -= 1;
      this.next();
    }
  }

  private next(): void {
    while (this.running < this.bounds.running) {
      const readsMayStart = this.runningReads < Math.max(1, this.bounds.running - 1);
      const index = this.waiting.findIndex((one) => !one.reads || readsMayStart);
      const [one] = index < 0 ? [] : this.waiting.splice(index, 1);
      if (one === undefined) return;
      this.running += 1;
      if (one.reads) this.runningReads += 1;
      one.start();
    }
  }
}
