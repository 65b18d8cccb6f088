import type { Reporter, TestModule } from "vitest/node";

/**
 * Says why tests were skipped, a line a reason, and ends the run with one plain line: `N passed, N failed, N skipped`. A file
 * that failed to load counts as failed.
 */
export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const totals = { passed: 0, failed: 0, skipped: 0 };
    const reasons = new Map<string, number>();
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state !== "pending") totals[result.state] += 1;
        if (result.state !== "skipped") continue;
        const why = result.note ?? "not chosen, or no reason given";
        reasons.set(why, (reasons.get(why) ?? 0) + 1);
      }
      if (module.errors().length > 0) totals.failed += 1;
    }
    for (const [why, count] of reasons) process.stdout.write(`skipped ${count}: ${why}\n`);
    process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
  }
}
