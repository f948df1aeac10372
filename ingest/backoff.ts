/**
 * Pause before attempt `attempt` + 1: exponential with full jitter, so that many clients do not come back together.
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 *
 * @param attempt failed attempts so far, from 0
 * @param random  in [0, 1)
 * @returns ms
 */
export function backoffMs(
  attempt: number,
  { baseMs, capMs }: { baseMs: number; capMs: number },
  random: () => number = Math.random,
): number {
  return Math.ceil(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30)));
}
