/** Why a request could not wait. */
export type LaneRefusal = "too many waiting queries" | "too many waiting bytes";

/** Requests left before their turn came. */
export class LeftTheLane extends Error {}

interface Waiting {
  start(): void;
}

/** A bounded number of requests at a time, in order of arrival; a bounded number waits. */
export class Lane {
  readonly #waiting: Waiting[] = [];
  #running = 0;

  /** @param bounds requests that run at once, and that wait */
  constructor(private readonly bounds: { readonly running: number; readonly waiting: number }) {}

  /** Requests that run or wait. */
  get size(): number {
    return this.#running + this.#waiting.length;
  }

  get full(): LaneRefusal | undefined {
    const { running, waiting } = this.bounds;
    return this.#running >= running && this.#waiting.length >= waiting ? "too many waiting queries" : undefined;
  }

  /** Runs the work when its turn comes. @param left aborted when nobody waits for it any more @throws LeftTheLane */
  async run<Result>(work: () => Promise<Result>, left?: AbortSignal): Promise<Result> {
    await this.#turn(left);
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#next();
    }
  }

  #turn(left: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (left?.aborted === true) return reject(new LeftTheLane());
      const leave = () => {
        const at = this.#waiting.indexOf(waiting);
        if (at < 0) return;
        this.#waiting.splice(at, 1);
        reject(new LeftTheLane());
      };
      const waiting: Waiting = {
        start: () => {
          left?.removeEventListener("abort", leave);
          resolve();
        },
      };
      left?.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiting);
      this.#next();
    });
  }

  #next(): void {
    while (this.#running < this.bounds.running) {
      const one = this.#waiting.shift();
      if (one === undefined) return;
      this.#running += 1;
      one.start();
    }
  }
}

/** Bytes of bodies in memory together. */
export class ByteBudget {
  #bytes = 0;

  constructor(private readonly bound: number) {}

  /** Takes room for what is arriving. @returns why not, or undefined */
  reserve(bytes: number): LaneRefusal | undefined {
    if (this.#bytes + bytes > this.bound) return "too many waiting bytes";
    this.#bytes += bytes;
    return undefined;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}
