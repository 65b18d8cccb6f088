import type { Reporter, TestModule } from "vitest/node";

/** Ends the run with one plain line: `N passed, N failed, N skipped`. A file that failed to load counts as failed. */
export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const totals = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== "pending") totals[state] += 1;
      }
      if (module.errors().length > 0) totals.failed += 1;
    }
    process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
  }
}
