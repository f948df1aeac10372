import { isAscii } from "node:buffer";
import type { OutputTopic } from "../../schemas/messages.js";
import type { Micros, SymbolName, VenueId } from "../../schemas/words.js";
import { ByteWriter } from "./byte-writer.js";

/** Log time after which a message says anew how long its channel's last value lives. */
const RENEW_AFTER: Micros = 60_000_000;

/**
 * One numbered stream of outputs: a key of a topic and the channel that carries the same messages.
 * Its epoch is the log time of its first message, so a lineage of state that is lost and begun anew has a higher one.
 */
export class OutputStream {
  epoch = 0;
  /** Of the last message; 0 before the first. */
  sequence = 0;
  /** The partition of the topic, once somebody has asked for it; the key decides it. */
  partition = -1;
  /**
   * What is the same in all of its messages, in one piece, since thousands of streams do not stay in a processor's
   * cache: `{"channel":"…","epoch":`, then `,"data":{"symbol":"…","exchange":"…"` with a K-line's interval, then these
   * names as Avro.
   */
  readonly texts: Uint8Array;
  /** Whether these are ASCII: then all of its messages are, since whatever else comes from outside is escaped in JSON. */
  readonly isAscii: boolean;
  readonly headEnd: number;
  readonly namesEnd: number;
  #renewAt: Micros = Number.NEGATIVE_INFINITY;

  constructor(
    readonly topic: OutputTopic,
    readonly key: string,
    readonly channel: string,
    readonly symbol: SymbolName,
    readonly exchange: VenueId,
    interval?: string,
  ) {
    const names = interval === undefined ? [symbol, exchange] : [symbol, exchange, interval];
    const more = interval === undefined ? "" : `,"interval":"${interval}"`;
    const head = `{"channel":${JSON.stringify(channel)},"epoch":`;
    const data = `,"data":{"symbol":${JSON.stringify(symbol)},"exchange":${JSON.stringify(exchange)}${more}`;
    const writer = new ByteWriter(256);
    writer.copy(Buffer.from(head));
    this.headEnd = writer.at;
    writer.copy(Buffer.from(data));
    this.namesEnd = writer.at;
    for (const name of names) writer.avroText(name);
    this.texts = writer.taken();
    this.isAscii = isAscii(this.texts.subarray(0, this.namesEnd));
  }

  /** The next message's sequence. */
  next(now: Micros): number {
    if (this.sequence === 0) this.epoch = now;
    return ++this.sequence;
  }

  /** Whether the message of this log time renews the time to live of the channel's last value. */
  renews(now: Micros): boolean {
    if (now < this.#renewAt) return false;
    this.#renewAt = now + RENEW_AFTER;
    return true;
  }

  save(): readonly [epoch: number, sequence: number] {
    return [this.epoch, this.sequence];
  }

  load([epoch, sequence]: readonly [epoch: number, sequence: number]): void {
    this.epoch = epoch;
    this.sequence = sequence;
  }
}
