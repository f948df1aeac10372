import fc from "fast-check";

/** The seed of randomised tests: TEST_SEED, else a new one, printed so that a run can be repeated. */
export const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
console.info(`TEST_SEED=${seed}`);

export function check<Ts extends [unknown, ...unknown[]]>(property: fc.IProperty<Ts>, runs = 100): void {
  fc.assert(property, { seed, numRuns: runs });
}
