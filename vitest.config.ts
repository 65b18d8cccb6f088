import { defineConfig } from "vitest/config";

/**
 * Two projects, run side by side: `main` for everything that shares the servers peacefully, `outage` for tests that take
 * a server away from all; those run one after another when `main` has ended.
 */
export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default", "./test/support/totals-reporter.ts"],
    maxWorkers: 3,
    projects: [
      {
        extends: true,
        test: {
          name: "main",
          include: ["src/**/*.test.ts", "test/**/*.test.ts"],
          exclude: ["test/outage/**", "**/*.local.test.ts"],
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: "outage", include: ["test/outage/**/*.test.ts"], fileParallelism: false, sequence: { groupOrder: 1 } } },
    ],
  },
});
