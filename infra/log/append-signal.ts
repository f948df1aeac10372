import { closeSync, fstatSync, futimesSync, openSync } from "node:fs";
import { join } from "node:path";
import { BroadcastChannel } from "node:worker_threads";

/** Called when something may have been appended to a partition. */
export type AppendListener = () => void;

/** Writers in other processes reach nobody here: so often the time of the beacon file is looked at. */
const pollMs = 20;
/** Every so many polls readers look for themselves, whatever the beacon says. */
const pollsPerLook = 50;

/**
 * Wakes the readers of a folder: those of this thread directly, those of the process's other threads through a
 * BroadcastChannel, at most one message a turn of the event loop, and those of other processes by the time of the file
 * `appended`, which writers set and readers poll. Keeps no process alive.
 */
export class AppendSignal {
  private static readonly byFolder = new Map<string, AppendSignal>();
  private readonly listeners = new Map<string, Set<AppendListener>>();
  private readonly channel: BroadcastChannel;
  private readonly toTell = new Set<string>();
  private poll: NodeJS.Timeout | undefined;
  private readonly beacon: number;
  private beaconTime = 0;
  private polls = 0;
  private users = 0;

  private constructor(private readonly folder: string) {
    this.beacon = openSync(join(folder, "appended"), "a");
    this.channel = new BroadcastChannel(`tickplant-log ${folder}`);
    this.channel.unref();
    this.channel.onmessage = (event: unknown) => {
      for (const partition of (event as { data: string[] }).data) this.wake(partition);
    };
  }

  /** The one of this thread for a folder; each `open` needs its `close`. */
  static open(folder: string): AppendSignal {
    const signal = AppendSignal.byFolder.get(folder) ?? new AppendSignal(folder);
    AppendSignal.byFolder.set(folder, signal);
    signal.users++;
    return signal;
  }

  close(): void {
    if (--this.users > 0) return;
    AppendSignal.byFolder.delete(this.folder);
    clearInterval(this.poll);
    this.tell();
    this.channel.close();
    closeSync(this.beacon);
  }

  /** @returns what ends the listening */
  listen(partition: string, listener: AppendListener): () => void {
    const set = this.listeners.get(partition) ?? new Set();
    this.listeners.set(partition, set);
    set.add(listener);
    this.poll ??= setInterval(() => this.look(), pollMs).unref();
    return () => {
      set.delete(listener);
      if (set.size === 0 && this.listeners.get(partition) === set) this.listeners.delete(partition);
      if (this.listeners.size > 0) return;
      clearInterval(this.poll);
      this.poll = undefined;
    };
  }

  appended(partition: string): void {
    this.wake(partition);
    if (this.toTell.size === 0) setImmediate(() => this.tell());
    this.toTell.add(partition);
  }

  private tell(): void {
    if (this.toTell.size === 0) return;
    this.channel.postMessage([...this.toTell]);
    this.toTell.clear();
    const seconds = (performance.timeOrigin + performance.now()) / 1000;
    try {
      futimesSync(this.beacon, seconds, seconds);
    } catch {
      // a full disk may refuse even that: other processes look for themselves once a second
    }
  }

  private wake(partition: string): void {
    const set = this.listeners.get(partition);
    if (set) for (const listener of set) listener();
  }

  private look(): void {
    const { mtimeMs } = fstatSync(this.beacon);
    const news = mtimeMs !== this.beaconTime || this.polls++ % pollsPerLook === 0;
    this.beaconTime = mtimeMs;
    if (news) for (const partition of this.listeners.keys()) this.wake(partition);
  }
}
