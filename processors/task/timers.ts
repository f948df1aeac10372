import type { Micros } from "../../schemas/words.js";

interface Timer {
  due: Micros;
  operator: number;
  key: string;
  /** A slot's newer timer makes an older entry of the heap void. */
  readonly slot: TimerSlot;
}

/** One timer of one operator and key. Its due time lies in the owner's state; the heap is rebuilt from it. */
export interface TimerSlot {
  readonly operator: number;
  readonly key: string;
  /** Infinity while nothing is due. */
  due: Micros;
  readonly fire: (due: Micros) => void;
}

/** Timers in log time, fired in the order (due time, operator, key). */
export class Timers {
  readonly #heap: Timer[] = [];

  slot(operator: number, key: string, fire: (due: Micros) => void): TimerSlot {
    return { operator, key, due: Number.POSITIVE_INFINITY, fire };
  }

  /** Sets the slot's only due time; a former one is void. */
  set(slot: TimerSlot, due: Micros): void {
    if (slot.due === due) return;
    slot.due = due;
    if (due !== Number.POSITIVE_INFINITY) this.#push({ due, operator: slot.operator, key: slot.key, slot });
  }

  clear(slot: TimerSlot): void {
    slot.due = Number.POSITIVE_INFINITY;
  }

  /** The earliest due time, perhaps of a timer that is void by now. */
  get next(): Micros {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0]!.due;
  }

  /** Fires what is due at or before `now`; what fires may set further timers, which take their turn. */
  fire(now: Micros, clock: (due: Micros) => void): void {
    while (this.#heap.length > 0 && this.#heap[0]!.due <= now) {
      const timer = this.#pop();
      if (timer.slot.due !== timer.due) continue;
      timer.slot.due = Number.POSITIVE_INFINITY;
      clock(timer.due);
      timer.slot.fire(timer.due);
    }
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(timer, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): Timer {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function before(a: Timer, b: Timer): boolean {
  if (a.due !== b.due) return a.due < b.due;
  if (a.operator !== b.operator) return a.operator < b.operator;
  return a.key < b.key;
}
