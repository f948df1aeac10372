/** Reproducible randomness: the seed is printed, and taken from TICKPLANT_SEED when that is set. */
export function seeded(name: string): (below: number) => number {
  let state = Number(process.env.TICKPLANT_SEED ?? Date.now() % 2 ** 31) >>> 0;
  console.log(`${name}: TICKPLANT_SEED=${state}`);
  return (below) => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
