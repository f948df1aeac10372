import { median } from "../figure.js";

export interface MedianInterval {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The median of a sample, with the narrowest pair of order statistics that holds the true median with at least the
 * given probability, whatever the distribution: the k-th smallest and the k-th largest of n hold it with probability
 * 1 − 2·P(Binomial(n, ½) < k). Source: H. A. David, H. N. Nagaraja, Order Statistics, 3rd ed. (2003), section 7.1.
 *
 * @param values at least one; below six the widest pair, smallest and largest, holds it with less than 95 %
 * @param confidence as a share of one
 */
export function medianInterval(values: readonly number[], confidence = 0.95): MedianInterval {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = rankOf(sorted.length, confidence);
  return { median: median(sorted), low: sorted[rank - 1]!, high: sorted[sorted.length - rank]! };
}

/** The largest k for which the k-th smallest and k-th largest still hold the median often enough; at least 1. */
function rankOf(count: number, confidence: number): number {
  let probability = 0.5 ** count;
  let below = 0;
  let rank = 0;
  while (rank < count / 2) {
    below += probability;
    if (1 - 2 * below < confidence) break;
    probability = (probability * (count - rank)) / (rank + 1);
    rank++;
  }
  return Math.max(1, rank);
}
