/** So long, in ms, clients' requests may keep the loop before sockets and bus have their turn again. */
const SLICE_MS = 0.5;

interface Work {
  readonly run: () => void;
  readonly alone: boolean;
}

/**
 * Who of the clients may ask for work next. Requests are worked on in small pieces; between slices of half a
 * millisecond everything else of the thread goes on, and addresses take turns, so that one that asks for much waits for
 * itself and delays nobody else by more than a piece.
 */
export class Turns {
  /** In the order of their turns. */
  readonly #waiting = new Map<string, Work[]>();
  #scheduled = false;

  /** @param now milliseconds */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /**
   * Does a piece of work when it is the address's turn.
   *
   * @param alone  nothing else is done in the same slice: for what goes on after its first await
   */
  take<Result>(address: string, work: () => Result | Promise<Result>, alone = false): Promise<Result> {
    return new Promise((resolve, reject) => {
      const run = () => {
        try {
          resolve(work());
        } catch (error) {
          reject(error as Error);
        }
      };
      const queue = this.#waiting.get(address);
      if (queue === undefined) this.#waiting.set(address, [{ run, alone }]);
      else queue.push({ run, alone });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#slice());
  }

  #slice(): void {
    this.#scheduled = false;
    const end = this.now() + SLICE_MS;
    for (const [address, queue] of this.#waiting) {
      const work = queue.shift()!;
      this.#waiting.delete(address);
      if (queue.length > 0) this.#waiting.set(address, queue);
      work.run();
      if (work.alone || this.now() >= end) break;
    }
    if (this.#waiting.size > 0) this.#schedule();
  }
}
