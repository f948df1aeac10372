/**
 * Buffers of one size that are used again. What buffers hold counts as memory outside of V8's heap: at each 64 MB of it
 * that were taken since the last time, V8 marks the heap whole, and fresh memory has to be cleared by the system. On the
 * path of every tick both cost more than the work.
 */
export class BufferPool {
  readonly #free: Buffer<ArrayBuffer>[] = [];

  constructor(
    /** Bytes of each. */
    readonly size: number,
    /** That many lie here at most; more are left to the collector. */
    readonly most: number,
  ) {}

  /** A buffer that nobody else has; what it holds is of no meaning. */
  take(): Buffer<ArrayBuffer> {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size);
  }

  /** Gives a buffer back that nobody reads or writes any more; one of another size is left to the collector. */
  give(buffer: Buffer<ArrayBuffer>): void {
    if (buffer.length === this.size && this.#free.length < this.most) this.#free.push(buffer);
  }
}
