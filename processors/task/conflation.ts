import type { Micros } from "../../schemas/words.js";
import type { TaskContext } from "./operator.js";
import type { TimerSlot } from "./timers.js";

export type ConflationJson = readonly [lastEmit: Micros | null, due: Micros | null];

/** Emission of one stream: the first change at once, then at most one in the emission time, in log time. */
export class Conflation {
  readonly #slot: TimerSlot;
  readonly #gap: Micros;
  #lastEmit: Micros = Number.NEGATIVE_INFINITY;

  constructor(
    readonly context: TaskContext,
    key: string,
    readonly emit: () => void,
    /** Milliseconds of log time; 0 for every change. */
    emissionMs = context.settings.emissionMs,
  ) {
    this.#slot = context.timers.slot(context.order, key, () => this.#emitNow());
    this.#gap = emissionMs * 1000;
  }

  /** Something changed. */
  changed(): void {
    if (this.#slot.due !== Number.POSITIVE_INFINITY) return;
    const due = this.#lastEmit + this.#gap;
    if (this.context.clock.now >= due) this.#emitNow();
    else this.context.timers.set(this.#slot, due);
  }

  #emitNow(): void {
    this.#lastEmit = this.context.clock.now;
    this.emit();
  }

  /** When what waits goes out; Infinity while nothing does. */
  get due(): Micros {
    return this.#slot.due;
  }

  save(): ConflationJson {
    const due = this.#slot.due;
    return [
      this.#lastEmit === Number.NEGATIVE_INFINITY ? null : this.#lastEmit,
      due === Number.POSITIVE_INFINITY ? null : due,
    ];
  }

  load([lastEmit, due]: ConflationJson): void {
    this.#lastEmit = lastEmit ?? Number.NEGATIVE_INFINITY;
    if (due !== null) this.context.timers.set(this.#slot, due);
  }
}
