import type { OutputTopic } from "../../schemas/messages.js";
import type { Micros, SymbolName, VenueId } from "../../schemas/words.js";
import { ByteWriter, bytesOf } from "./byte-writer.js";

const scratch = new ByteWriter(1024);
const nothing = new Uint8Array(0);

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
  /** `{"symbol":"…","exchange":"…"` and a K-line's interval: how most messages begin, as JSON and as Avro. */
  readonly names: Uint8Array;
  readonly avroNames: Uint8Array;
  /** `,"epoch":…,"sequence_num":`, and the epoch as Avro. */
  epochJson: Uint8Array = nothing;
  epochAvro: Uint8Array = nothing;
  /** The partition of the topic, once somebody has asked for it; the key decides it. */
  partition = -1;

  constructor(
    readonly topic: OutputTopic,
    readonly key: string,
    readonly channel: string,
    readonly symbol: SymbolName,
    readonly exchange: VenueId,
    interval?: string,
  ) {
    const more = interval === undefined ? "" : `,"interval":"${interval}"`;
    this.names = bytesOf(`{"symbol":${JSON.stringify(symbol)},"exchange":${JSON.stringify(exchange)}${more}`);
    scratch.at = 0;
    for (const name of interval === undefined ? [symbol, exchange] : [symbol, exchange, interval]) {
      scratch.avroAscii(name);
    }
    this.avroNames = scratch.taken();
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
    this.epochJson = bytesOf(`,"epoch":${epoch},"sequence_num":`);
    scratch.at = 0;
    scratch.avroLong(epoch);
    this.epochAvro = scratch.taken();
  }
}

/** `{symbol}@{venue}`, or the bare symbol for the aggregate. */
export function streamName(symbol: SymbolName, exchange: VenueId | undefined): string {
  return exchange === undefined ? symbol : `${symbol}@${exchange}`;
}
