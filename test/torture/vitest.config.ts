import { defineConfig } from "vitest/config";

/** Long tests, one after the other: `npm run torture -- NAME`. */
export default defineConfig({
  test: {
    include: ["test/torture/**/*.test.ts"],
    testTimeout: 3_600_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 1,
    allowOnly: false,
  },
});
