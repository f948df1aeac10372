import type { Streams } from "./dialect.js";

/** What a stream carries, in Binance's words; the other dialects' streams are taken for the one they are like. */
export type StreamKind = "trade" | "aggTrade" | "bookTicker" | "depth" | "ticker" | "kline";

/** A frame on its way to the clients of one stream. */
export interface OutgoingFrame {
  readonly stream: string;
  readonly symbol: string;
  readonly kind: StreamKind;
  readonly payload: string;
  /** The whole message as it is, without the combined stream's envelope: garbage. */
  readonly verbatim?: boolean;
}

export const faultNames = [
  "sequenceGap",
  "checksum",
  "duplicate",
  "outOfOrder",
  "garbage",
  "stall",
  "disconnect",
  "serverShutdown",
  "restError",
] as const;
export type FaultName = (typeof faultNames)[number];

export const garbageForms = ["not_json", "truncated", "wrong_shape"] as const;
export type GarbageForm = (typeof garbageForms)[number];

/** Which frame a fault befalls: the next one of this symbol and kind that somebody reads; `trade` means sums, too. */
export interface FaultTarget {
  /** Native id; any symbol by default. */
  readonly symbol?: string;
  /** By default depth for a gap, trade for a duplicate, depth for two out of order, any for garbage. */
  readonly kind?: StreamKind;
}

/** How a dialect's frames are spoilt. */
export type FaultWords = Pick<Streams, "messageOf" | "wrongShape" | "wrongChecksum">;

interface Armed extends FaultTarget {
  readonly name: FaultName;
  readonly form: GarbageForm;
  readonly done: (happened: boolean) => void;
}

interface Stall {
  readonly symbol: string | undefined;
  readonly missed: OutgoingFrame[] | undefined;
}

/** Frames that stalls may hold back, all together; what is beyond is not sent at all. */
const stallLimit = 200_000;

const defaultKind: Partial<Record<FaultName, StreamKind>> = {
  sequenceGap: "depth",
  checksum: "depth",
  duplicate: "trade",
  outOfOrder: "depth",
};

/** Stands between the markets and the sockets, and spoils frames on demand. Counts what has truly happened. */
export class Faults {
  readonly counts: Record<FaultName, number> = {
    sequenceGap: 0,
    checksum: 0,
    duplicate: 0,
    outOfOrder: 0,
    garbage: 0,
    stall: 0,
    disconnect: 0,
    serverShutdown: 0,
    restError: 0,
  };
  /** Frames that stalls kept from the clients. */
  withheld = 0;
  readonly #armed: Armed[] = [];
  readonly #held = new Map<string, { frame: OutgoingFrame; fault: Armed }>();
  readonly #stalls = new Set<Stall>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #heldBack = 0;
  #silent: ReadonlySet<StreamKind> = new Set();

  constructor(
    private readonly deliver: (frame: OutgoingFrame) => void,
    private readonly words: () => FaultWords,
  ) {}

  /** Faults that wait for their frame, and stalls that last. */
  get pending(): number {
    return this.#armed.length + this.#held.size + this.#stalls.size;
  }

  /** Resolves with true once it has happened, with false if the simulator stops before, or the venue has no such thing. */
  arm(name: FaultName, target: FaultTarget, form: GarbageForm = "not_json"): Promise<boolean> {
    if (name === "checksum" && this.words().wrongChecksum === undefined) return Promise.resolve(false);
    const kind = target.kind ?? defaultKind[name];
    return new Promise((done) => {
      this.#armed.push({ ...target, ...(kind === undefined ? {} : { kind }), name, form, done });
    });
  }

  /** No frames for `ms`; then all of what was missed, or none. Resolves when it is over. */
  stall(symbol: string | undefined, ms: number, afterwards: "all" | "none"): Promise<boolean> {
    const stall: Stall = { symbol, missed: afterwards === "all" ? [] : undefined };
    this.#stalls.add(stall);
    this.counts.stall++;
    return new Promise((done) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#stalls.delete(stall);
        const missed = stall.missed ?? [];
        this.#heldBack -= missed.length;
        for (const frame of missed) this.#send(frame);
        done(true);
      }, ms);
      this.#timers.add(timer);
    });
  }

  pass(frame: OutgoingFrame): void {
    const held = this.#held.get(frame.stream);
    if (held !== undefined) {
      this.#held.delete(frame.stream);
      this.#send(frame);
      this.#send(held.frame);
      this.#happened(held.fault);
      return;
    }
    const at = this.#armed.findIndex((fault) => matches(fault, frame));
    if (at < 0) this.#send(frame);
    else this.#befall(this.#armed.splice(at, 1)[0]!, frame);
  }

  /** Lets go a frame that waits for another to change places with; the fault waits for the next pair. */
  release(): void {
    for (const { frame, fault } of this.#held.values()) {
      this.#send(frame);
      this.#armed.unshift(fault);
    }
    this.#held.clear();
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const fault of this.#armed.splice(0)) fault.done(false);
  }

  #befall(fault: Armed, frame: OutgoingFrame): void {
    if (fault.name === "outOfOrder") {
      this.#held.set(frame.stream, { frame, fault });
      return;
    }
    if (fault.name === "garbage") {
      this.#send({ ...frame, payload: this.#garbage(fault.form, frame), verbatim: true });
      this.#send(frame);
    } else if (fault.name === "checksum") {
      const spoilt = this.words().wrongChecksum?.(frame);
      this.#send(spoilt ?? frame);
      if (spoilt === undefined) {
        // A snapshot's frame, or a venue without checksums: the next one may do.
        this.#armed.unshift(fault);
        return;
      }
    } else if (fault.name === "duplicate") {
      this.#send(frame);
      this.#send(frame);
    }
    this.#happened(fault);
  }

  #garbage(form: GarbageForm, frame: OutgoingFrame): string {
    if (form === "not_json") return "\u0000<html>502 Bad Gateway</html>";
    if (form === "wrong_shape") return this.words().wrongShape(frame);
    const whole = this.words().messageOf(frame, true);
    return whole.slice(0, whole.length >> 1);
  }

  #happened(fault: Armed): void {
    this.counts[fault.name]++;
    fault.done(true);
  }

  /** From here on frames of these kinds are not sent, though their streams are taken. */
  silence(...kinds: readonly StreamKind[]): void {
    this.#silent = new Set(kinds);
  }

  #send(frame: OutgoingFrame): void {
    if (this.#silent.has(frame.kind)) return;
    for (const stall of this.#stalls) {
      if (stall.symbol !== undefined && stall.symbol !== frame.symbol) continue;
      if (stall.missed !== undefined && this.#heldBack < stallLimit) {
        this.#heldBack++;
        stall.missed.push(frame);
      } else this.withheld++;
      return;
    }
    this.deliver(frame);
  }
}

function matches(fault: Armed, frame: OutgoingFrame): boolean {
  return (
    (fault.symbol === undefined || fault.symbol === frame.symbol) &&
    (fault.kind === undefined || fault.kind === frame.kind || (fault.kind === "trade" && frame.kind === "aggTrade"))
  );
}
