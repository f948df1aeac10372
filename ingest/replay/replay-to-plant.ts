import type { RawTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import { ReplaySettingInvalid } from "./errors.js";
import type { ReplayReport } from "./replay-report.js";
import { type ReplayOptions, ReplaySource } from "./replay-source.js";
import type { TickTarget } from "./tick-target.js";

/** A multiple of recorded time, or as fast as the plant takes it. */
export type ReplaySpeed = number | "max";

export interface ReplayToPlantOptions extends ReplayOptions {
  readonly speed?: ReplaySpeed;
  /** Rejects when the plant holds a timeline already: a log has one, so a recording needs an empty plant of its own. */
  readonly requireEmpty?: () => Promise<void>;
  /** Ends the replay before its end; no end record is written then. */
  readonly signal?: AbortSignal;
  /** Wall time in ms, and a pause; for tests. */
  readonly wall?: { now(): number; pause(ms: number): Promise<void> };
}

/** Ticks between two questions for room. The publisher's default bound, half of which is room, is far above. */
const TICKS_AT_ONCE = 500;
/** Shorter waits are not worth a timer: what is due so soon goes out with what is due now. */
const LEAST_PAUSE_MS = 5;

const systemWall = {
  now: () => performance.now(),
  pause: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
};

/**
 * Publishes a recording into a plant, paced by its recorded time, and waits until the plant has taken all of it.
 *
 * @throws what `requireEmpty` throws, before anything is published
 */
export async function replayToPlant(options: ReplayToPlantOptions, target: TickTarget): Promise<ReplayReport> {
  const { speed = "max", signal, wall = systemWall } = options;
  if (speed !== "max" && !(speed > 0))
    throw new ReplaySettingInvalid(`--speed ${speed}: expected a number above 0, or max`);
  await options.requireEmpty?.();
  const source = new ReplaySource({ ...options, everyHeartbeat: speed !== "max" });
  const pace = speed === "max" ? undefined : new Pace(speed, wall);
  let sinceRoom = 0;
  for await (const batch of source.batches()) {
    for (const tick of batch) {
      if (signal?.aborted) return source.report;
      if (pace !== undefined) await pace.until(tick);
      // one heartbeat is a tick for every partition
      if (sinceRoom++ >= TICKS_AT_ONCE || tick.kind === "heartbeat") {
        sinceRoom = 0;
        await target.room?.();
      }
      target.publish(tick);
    }
  }
  await target.end?.();
  return source.report;
}

/** Holds a tick back until its recorded time has come, counted from the first tick. */
class Pace {
  private startWall = 0;
  private startTime: Micros | undefined;

  constructor(
    private readonly speed: number,
    private readonly wall: { now(): number; pause(ms: number): Promise<void> },
  ) {}

  async until(tick: RawTick): Promise<void> {
    // The end record closes the last K-lines; nobody needs to wait a minute for it.
    if (tick.kind === "heartbeat" && tick.end === true) return;
    if (this.startTime === undefined) {
      this.startTime = tick.receiveTime;
      this.startWall = this.wall.now();
      return;
    }
    const due = this.startWall + (tick.receiveTime - this.startTime) / 1000 / this.speed;
    const ahead = due - this.wall.now();
    if (ahead >= LEAST_PAUSE_MS) await this.wall.pause(ahead);
  }
}
