import type { OutputTopic } from "../schemas/messages.js";
import type { Micros, SymbolName, VenueId } from "../schemas/words.js";

/**
 * One numbered stream of outputs: a key of a topic and the channel that carries the same messages.
 * Its epoch is the log time of its first message, so a lineage of state that is lost and begun anew has a higher one.
 */
export class OutputStream {
  epoch = 0;
  /** Of the last message; 0 before the first. */
  sequence = 0;
  /** `{"channel":"…","epoch":…,"sequence":`, made once. */
  head = "";
  /** `{"symbol":"…","exchange":"…"`: how most messages begin. */
  readonly names: string;

  constructor(
    readonly topic: OutputTopic,
    readonly key: string,
    readonly channel: string,
    readonly symbol: SymbolName,
    readonly exchange: VenueId,
  ) {
    this.names = `{"symbol":${JSON.stringify(symbol)},"exchange":${JSON.stringify(exchange)}`;
  }

  /** The next message's sequence. */
  next(now: Micros): number {
    if (this.sequence === 0) this.begin(now);
    return ++this.sequence;
  }

  save(): readonly [epoch: number, sequence: number] {
    return [this.epoch, this.sequence];
  }

  load(saved: readonly [epoch: number, sequence: number]): void {
    this.begin(saved[0]);
    this.sequence = saved[1];
  }

  begin(epoch: number): void {
    this.epoch = epoch;
    this.head = `{"channel":${JSON.stringify(this.channel)},"epoch":${epoch},"sequence":`;
  }
}

/** `{symbol}@{venue}`, or the bare symbol for the aggregate. */
export function streamName(symbol: SymbolName, exchange: VenueId | undefined): string {
  return exchange === undefined ? symbol : `${symbol}@${exchange}`;
}
