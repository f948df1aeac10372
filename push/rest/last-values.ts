import type { Bus, LastValue } from "../../infra/bus/bus.js";
import { type Channel, type ChannelKind, parseChannel, UnknownChannel } from "../channels.js";

/** `data` of an envelope, as the very text that stands in it. */
export function dataOf(payload: string): string {
  return payload.slice(payload.indexOf('"data":') + 7, -1);
}

const listMs = 250;
const mostUnread = 1_000;

/** The bus's last values as REST reads them; the list of channels is asked for at most four times a second. */
export class LastValues {
  private listed: Promise<readonly Channel[]> | undefined;
  private listedAt = Number.NEGATIVE_INFINITY;

  /** Names that were told to be none, each once. */
  private readonly unread = new Set<string>();

  /** @param onUnread is told of a channel that nobody can ask for */
  constructor(
    private readonly bus: Bus,
    private readonly onUnread: (why: UnknownChannel) => void = () => {},
  ) {}

  /** Channels of a kind that have a value, sorted by name. */
  async channels(kind: ChannelKind): Promise<Channel[]> {
    return (await this.list()).filter((channel) => channel.kind === kind);
  }

  /** Whether any channel is about the symbol at the venue. */
  async knows(symbol: string, exchange: string): Promise<boolean> {
    return (await this.list()).some((channel) => channel.subject === symbol && channel.venue === exchange);
  }

  last(channel: string): Promise<LastValue | undefined> {
    return this.bus.last(channel);
  }

  /** The JSON text of a value channel's newest message. */
  async data(channel: string): Promise<string | undefined> {
    const last = await this.bus.last(channel);
    if (last === undefined || last.payload === "") return undefined;
    // what another program wrote there would make a whole list unreadable
    const isEnvelope = last.payload.startsWith(`{"channel":"${channel}","epoch":`) && last.payload.endsWith("}}");
    return isEnvelope ? dataOf(last.payload) : undefined;
  }

  /** The newest messages of many channels as the text of a JSON array. */
  async array(channels: readonly Channel[]): Promise<string> {
    const texts = await Promise.all(channels.map((channel) => this.data(channel.name)));
    return `[${texts.filter((text) => text !== undefined).join(",")}]`;
  }

  /** A name on the bus that is none, which an earlier version or another program left there, is passed over. */
  private read(name: string): Channel[] {
    try {
      return [parseChannel(name)];
    } catch (error) {
      if (!(error instanceof UnknownChannel)) throw error;
      if (!this.unread.has(name) && this.unread.size < mostUnread) {
        this.unread.add(name);
        this.onUnread(error);
      }
      return [];
    }
  }

  private list(): Promise<readonly Channel[]> {
    const now = performance.now();
    if (this.listed === undefined || now - this.listedAt > listMs) {
      this.listedAt = now;
      this.listed = this.bus.channels().then((names) => names.flatMap((name) => this.read(name)));
      this.listed.catch(() => {
        this.listed = undefined;
      });
    }
    return this.listed;
  }
}
