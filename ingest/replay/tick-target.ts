import type { RawTick } from "../../schemas/ticks.js";

/** Where a replay's ticks go: processors in one thread, or the publisher of a plant. */
export interface TickTarget {
  /** Takes a tick; a heartbeat is for every partition. Answers false when it was dropped. */
  publish(tick: RawTick): unknown;
  /** Resolves when more ticks may be published; asked every few hundred ticks. */
  room?(): Promise<void>;
  /** The end record was published. Resolves when everything is where it belongs. */
  end?(): void | Promise<void>;
}

/** What leaves the processors: a record of a topic, its value as JSON text. */
export interface ReplayedOutput {
  readonly topic: string;
  readonly key: string;
  readonly json: string;
}
