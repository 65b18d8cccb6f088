import { defineConfig } from "vitest/config";

/**
 * What `npm run mutate` runs against each mutant: pure tests, the suites of parts, the embedded contract suites, and the e2e suites with
 * Muster in the test's process. `MUTATE_TESTS`, globs with spaces between them, narrows that to the tests of one file, which is quicker.
 */
const only = process.env["MUTATE_TESTS"]?.split(" ");

export default defineConfig({
  test: {
    include: only ?? ["src/**/*.test.ts", "test/*.test.ts", "test/approvals/*.test.ts", "test/registration/*.test.ts", "test/e2e/*.test.ts"],
    exclude: ["src/schema-diff/**", "test/{architecture,docs,asyncapi,real,schema-check,http-documents,topic-schemas}.test.ts", "test/e2e/{process,start,stock-clients,fuzz}.test.ts"],
    env: { MUSTER_TEST_IN_PROCESS: "1" },
    // Files keep no state between tests, and what runs at loading is not mutated: loading everything anew for each mutant only takes time.
    isolate: false,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    expect: { poll: { timeout: 10_000 } },
  },
});
