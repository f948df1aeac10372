/** Blocks in one query of logs: half as many where a node refuses, a quarter more where it answers, up to what is configured. */
export class LogRange {
  #blocks: number;

  constructor(readonly most: number) {
    this.#blocks = most;
  }

  get blocks(): number {
    return this.#blocks;
  }

  grow(): void {
    this.#blocks = Math.min(this.most, this.#blocks + Math.max(1, Math.floor(this.#blocks / 4)));
  }

  /** @returns false where it is one block already */
  shrink(): boolean {
    if (this.#blocks === 1) return false;
    this.#blocks = Math.ceil(this.#blocks / 2);
    return true;
  }
}
