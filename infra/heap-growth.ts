import { setFlagsFromString } from "node:v8";

/** How far the old generation may grow beyond what a full collection left of it, in percent. */
const GROWTH = 200;

/**
 * Lets the heaps of this process, of its threads too, grow to three times what is live before they are collected whole.
 *
 * By itself V8 lets a program that allocates slowly grow by 10 % or 8 MB, and begins to mark as soon as less than the
 * young generation's 16 MB are left of that: with 20 MB of state it marked once a second at 1,000 ticks/s, and four
 * times a second at 10,000. Its helper threads take the other cores meanwhile, and every tick in flight waits 10 to
 * 30 ms.
 */
export function letHeapsGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH}`);
}
