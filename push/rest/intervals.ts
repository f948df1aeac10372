const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800, M: 2_592_000 };

/** Orders names of K-line intervals, the shortest first. */
export function byLength(a: string, b: string): number {
  const length = (interval: string) => Number.parseInt(interval, 10) * (secondsOf[interval.slice(-1)] ?? 0);
  return length(a) - length(b);
}
