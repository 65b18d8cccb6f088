/** The published suite of the RPC protocols against our transport, on both ways through the server. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeReal } from "../support/real-servers.ts";
import { runSuite, type Way } from "./run-suite.ts";

/** That the server's DEADLINE_EXCEEDED has details: their number, or that the suite does not know the type of one. */
const aboutDetails =
  /^(?:; )?actual error contain 2 details; expecting 0$|could not check debug data because message type "google\.rpc\.\w+" could not be resolved/;

describeReal("the RPC conformance suite", ({ bin }) => {
  test.concurrent.for<Way>(["short", "long"])("by the %s way", { timeout: 300_000 }, async (way, { signal }) => {
    const { exitCode, cases, passed, failed, expected, output } = await runSuite(join(bin, "connectconformance"), way, signal);
    process.stdout.write(`conformance by the ${way} way: ${cases} cases, ${passed} passed, ${failed} failed, ${expected.length} failed as expected\n`);
    expect(exitCode, output).toBe(0);
    expect(passed + expected.length).toBe(cases);
    const flaky = expected.filter(({ name }) => name.startsWith("Timeouts/"));
    expect(flaky.flatMap(({ complaints }) => complaints).filter((complaint) => !aboutDetails.test(complaint))).toEqual([]);
  });
});
