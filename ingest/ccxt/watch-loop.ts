import { setTimeout as delay } from "node:timers/promises";
import { backoffMs } from "../backoff.js";

/** What ccxt's errors are to a feed that goes on. */
export type WatchFault = "checksum_mismatch" | "sequence_gap" | "reconnect" | "rate_limited" | "refused" | "failed";

const faults: Readonly<Record<string, WatchFault>> = {
  ChecksumError: "checksum_mismatch",
  InvalidNonce: "sequence_gap",
  RateLimitExceeded: "rate_limited",
  DDoSProtection: "rate_limited",
  NetworkError: "reconnect",
  AuthenticationError: "refused",
  BadSymbol: "refused",
  NotSupported: "refused",
  PermissionDenied: "refused",
};

/** The nearest class of ccxt's hierarchy of errors that says what to do. */
export function faultOf(error: unknown): WatchFault {
  for (let of = error as object | null; of !== null; of = Object.getPrototypeOf(of) as object | null) {
    const fault = faults[of.constructor?.name];
    if (fault !== undefined) return fault;
  }
  return "failed";
}

export interface WatchLoopOptions<T> {
  /** One call of ccxt; it resolves with what came since the last. */
  readonly watch: () => Promise<T>;
  readonly take: (value: T) => void;
  /** What went wrong, before the pause. */
  readonly fault: (fault: WatchFault, error: unknown) => void;
  readonly signal: AbortSignal;
  readonly backoff: { readonly baseMs: number; readonly capMs: number };
}

/** An exchange that says "too often" is left alone for at least so long. */
const rateLimitPauseMs = 5_000;

/**
 * One stream of ccxt, asked for again and again. It ends with the signal alone: after an error it pauses, longer with
 * each in a row, and asks again, whereupon ccxt connects and subscribes anew.
 */
export class WatchLoop<T> {
  /** Asking, rather than pausing after an error. */
  isUp = false;
  /** Values taken. */
  taken = 0;

  constructor(private readonly options: WatchLoopOptions<T>) {}

  async run(): Promise<void> {
    const { watch, take, signal } = this.options;
    for (let attempt = 0; !signal.aborted; ) {
      try {
        this.isUp = true;
        const value = await watch();
        if (signal.aborted) return;
        attempt = 0;
        this.taken += 1;
        take(value);
      } catch (error) {
        this.isUp = false;
        if (signal.aborted) return;
        await this.pause(attempt, error);
        attempt += 1;
      }
    }
  }

  private async pause(attempt: number, error: unknown): Promise<void> {
    const { fault: told, signal, backoff } = this.options;
    const fault = faultOf(error);
    told(fault, error);
    // what an exchange refuses once it will refuse again
    const ms = fault === "refused" ? backoff.capMs : backoffMs(attempt, backoff);
    const pauseMs = fault === "rate_limited" ? Math.max(ms, rateLimitPauseMs) : ms;
    await delay(pauseMs, undefined, { signal }).catch(() => {});
  }
}
