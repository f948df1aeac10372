import { hashText, latticeValue } from "./random.js";

/** Shortest period of the process in ms, and the log-price amplitude that goes with it (0.4 basis points). */
const shortestMs = 1000;
const shortestAmplitude = 0.00004;
/** Each octave is four times as long and twice as high, so the sum spreads with time as a random walk does. */
const octaves = 9;

/**
 * Log of an asset's price over its reference, a pure function of time: simulators with the same seed agree on it
 * whenever they were started, so that two venues quote nearly equal prices.
 *
 * @param seed   shared by the venues that shall agree
 * @param timeMs ms since the epoch
 */
export function referenceDrift(seed: number, timeMs: number): number {
  let drift = 0;
  let period = shortestMs;
  let amplitude = shortestAmplitude;
  for (let octave = 0; octave < octaves; octave++) {
    drift += amplitude * smoothNoise(seed + octave * 7919, timeMs / period);
    period *= 4;
    amplitude *= 2;
  }
  return drift;
}

/** What one venue's price deviates from the reference by: at most 0.4 basis points. */
export function venueDrift(seed: number, timeMs: number): number {
  return 0.00004 * smoothNoise(seed, timeMs / 3000);
}

export function driftSeed(seed: string, name: string): number {
  return hashText(`${seed}/${name}`) | 0;
}

/** Value noise: random values at whole numbers, smoothly joined. In [-1, 1). */
function smoothNoise(seed: number, at: number): number {
  const point = Math.floor(at);
  const part = at - point;
  const weight = part * part * (3 - 2 * part);
  return latticeValue(seed, point) * (1 - weight) + latticeValue(seed, point + 1) * weight;
}
