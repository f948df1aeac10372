/**
 * Whose turn it is among a process's tasks. A task that has much to do does it at one stretch: what its symbols need then
 * stays in the processor's cache, and so does what their messages touch in Redis, while tasks that alternate every few
 * milliseconds bring it in anew each time.
 */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when all who asked before have ended theirs. */
  async begin(): Promise<Turn> {
    const before = this.#last;
    const turn = new Turn();
    this.#last = turn.ended;
    await before;
    return turn;
  }
}

/** Stands until it is ended; nobody else's begins meanwhile. */
export class Turn {
  /** Ends the turn; a second call does nothing. */
  readonly end: () => void;
  readonly ended: Promise<void>;

  constructor() {
    let resolve = () => {};
    this.ended = new Promise((ended) => {
      resolve = ended;
    });
    this.end = resolve;
  }
}
