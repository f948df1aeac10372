import type { Logger } from "../../infra/logging.js";
import type { Store, StoredMessage, StoredTopic } from "../../infra/store/store.js";
import { StoreRefused, StoreUnavailable } from "../../infra/store/store-errors.js";

const firstBackoffMs = 100;
const lastBackoffMs = 5_000;

/** The sink stops before the store took the rows: they were not committed and come again. */
export class SinkStopped extends Error {}

/** Writes batches as often as it takes: waits while the store is away, and finds the rows that it refuses. */
export class StoreWriter {
  private stopped = false;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly store: Store,
    private readonly logger: Logger,
  ) {}

  /** Gives up waiting for a store that is away. */
  stop(): void {
    this.stopped = true;
    for (const giveUp of this.waiting) giveUp();
  }

  /**
   * Inserts all rows but those that the store refuses.
   *
   * @returns indices of the refused rows, ascending, each with the reason
   * @throws SinkStopped
   */
  async write<Topic extends StoredTopic>(
    topic: Topic,
    messages: readonly StoredMessage<Topic>[],
  ): Promise<RefusedRow[]> {
    const refused: RefusedRow[] = [];
    await this.writeRange(topic, messages, 0, messages.length, refused);
    return refused.sort((a, b) => a.row - b.row);
  }

  private async writeRange<Topic extends StoredTopic>(
    topic: Topic,
    messages: readonly StoredMessage<Topic>[],
    from: number,
    to: number,
    refused: RefusedRow[],
  ): Promise<void> {
    for (let start = from; start < to; ) {
      const refusal = await this.insert(
        topic,
        start === 0 && to === messages.length ? messages : messages.slice(start, to),
      );
      if (refusal === undefined) return;
      if (to - start === 1) {
        refused.push({ row: start, reason: refusal.message });
        return;
      }
      // The row is known, or it lies in one of the halves.
      const row = refusal.row === undefined ? undefined : start + refusal.row;
      const middle = row ?? start + ((to - start) >> 1);
      await this.writeRange(topic, messages, start, middle, refused);
      if (row !== undefined) refused.push({ row, reason: refusal.message });
      start = row === undefined ? middle : row + 1;
    }
  }

  private async insert<Topic extends StoredTopic>(
    topic: Topic,
    messages: readonly StoredMessage<Topic>[],
  ): Promise<StoreRefused | undefined> {
    let backoffMs = firstBackoffMs;
    for (;;) {
      try {
        await this.unlessStopped(this.store.insert(topic, messages));
        return undefined;
      } catch (error) {
        if (error instanceof StoreRefused) return error;
        if (!(error instanceof StoreUnavailable)) throw error;
        this.logger.warn({ topic, rows: messages.length, retryMs: backoffMs, why: error.message }, "the store is away");
      }
      await this.unlessStopped(new Promise((resolve) => setTimeout(resolve, backoffMs)));
      backoffMs = Math.min(backoffMs * 2, lastBackoffMs);
    }
  }

  /** The work's result, or a rejection at once when the sink stops. */
  private unlessStopped<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(new SinkStopped("the sink was stopped while the store was away"));
      if (this.stopped) giveUp();
      this.waiting.add(giveUp);
      void work.then(resolve, reject).finally(() => this.waiting.delete(giveUp));
    });
  }
}

export interface RefusedRow {
  readonly row: number;
  readonly reason: string;
}
