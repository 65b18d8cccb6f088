import { relative } from "node:path";
import type { Reporter, TestModule } from "vitest/node";
import { root } from "./source-tree.ts";

const slowest = 12;

/**
 * Says which suite took how long, why tests were skipped, a line a reason, and ends the run with one plain line:
 * `N passed, N failed, N skipped`. A file that failed to load counts as failed.
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
    process.stdout.write(`\n${timeTaken(modules)}\n`);
    for (const [why, count] of reasons) process.stdout.write(`skipped ${count}: ${why}\n`);
    process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
  }
}

/** Seconds by folder, and the files that took longest. Files run side by side, so the sum is more than the run took. */
function timeTaken(modules: readonly TestModule[]): string {
  const files = modules.map((module) => {
    const { collectDuration, duration } = module.diagnostic();
    return { path: relative(root, module.moduleId), seconds: (collectDuration + duration) / 1_000 };
  });
  const folders = Map.groupBy(files, ({ path }) =>
    path
      .split("/")
      .slice(0, path.startsWith("test/") ? -1 : 1)
      .join("/"),
  );
  const sums = [...folders].map(([path, its]) => ({ path, seconds: its.reduce((sum, { seconds }) => sum + seconds, 0) }));
  const lines = (rows: typeof files) =>
    rows.toSorted((a, b) => b.seconds - a.seconds).map(({ path, seconds }) => `  ${seconds.toFixed(1).padStart(7)} s  ${path}`);
  return ["time by folder", ...lines(sums), "slowest files", ...lines(files).slice(0, slowest)].join("\n");
}
