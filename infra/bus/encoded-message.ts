import type { BusMessage } from "./bus.js";

/**
 * A message whose payload lies as UTF-8 among bytes that it shares with others, as the path of every tick makes them: a
 * bus that sends bytes copies them as they are, and they become text only where somebody asks.
 */
export class EncodedMessage implements BusMessage {
  private text: string | undefined;

  /** The payload is bytes[start, end); nobody changes them before the message is published. */
  constructor(
    readonly channel: string,
    readonly epoch: number,
    readonly sequence: number,
    readonly kind: BusMessage["kind"],
    /** Whether the time to live of the channel's last value is to be renewed; once a minute is enough. */
    readonly renews: boolean,
    readonly bytes: Buffer,
    readonly start: number,
    readonly end: number,
    /** Whether the payload is ASCII, which is read faster. */
    readonly isAscii = true,
  ) {}

  get payload(): string {
    this.text ??= this.bytes.toString(this.isAscii ? "latin1" : "utf8", this.start, this.end);
    return this.text;
  }

  /** The same without the bytes that it shares: for those who keep it. */
  detached(): BusMessage {
    const { channel, epoch, sequence, kind, payload } = this;
    return { channel, epoch, sequence, kind, payload };
  }
}

/** UTF-16 units of a payload; of ASCII without making a text of it. */
export function payloadLength(message: BusMessage): number {
  return message instanceof EncodedMessage && message.isAscii ? message.end - message.start : message.payload.length;
}
