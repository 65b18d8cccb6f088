/** A dependency that never answers: the step's time limit ends the wait, and the failure says whose fault it was. */
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { isRetryable, unavailable, type DomainError } from "../../src/kernel/errors.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import { retrying } from "../../src/kernel/retry.ts";
import { runSaga, type Journal, type Step } from "../../src/kernel/saga.ts";

const clock: Clock = { now: () => Date.now(), sleep: (ms, signal) => pause(ms, undefined, signal ? { signal } : {}) };

/** Never answers; rejects with the signal's reason, as every adapter does. */
function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}

async function failureOf(run: Step<undefined, string, string>["run"]): Promise<DomainError | undefined> {
  const ended: DomainError[] = [];
  const journal: Journal<string, string> = {
    recorded: async () => undefined,
    unwinding: async () => undefined,
    held: (why) => Promise.reject(why),
    ended: async (error) => void ended.push(error),
  };
  const failure = await runSaga({ steps: [{ event: "WAITED", timeoutMs: 800, run }], context: undefined, journal, clock }, new AbortController().signal);
  expect(ended).toEqual([failure]);
  return ended[0];
}

test("a step that takes too long fails as DEADLINE_EXCEEDED, not as a fault of ours", async () => {
  const failure = await failureOf((_context, signal) => hang(signal));
  expect(failure).toMatchObject({ kind: "timeout", reason: "DEADLINE_EXCEEDED" });
  expect(failure?.message).toContain("WAITED");
});

test("when the dependency had failed before, its failure is the one reported, as worth a retry", async () => {
  let calls = 0;
  const failure = await failureOf((_context, signal) =>
    retrying(clock, signal, () => {
      calls += 1;
      return calls === 1 ? Promise.reject(unavailable("catalog", "no answer within 5000 ms")) : hang(signal);
    }),
  );
  expect(calls).toBe(2);
  expect(failure).toMatchObject({ reason: "DEPENDENCY_UNAVAILABLE", metadata: { dependency: "catalog" } });
  expect(failure && isRetryable(failure)).toBe(true);
});

test("a cancellation during a repeated call stays a cancellation", async () => {
  const cancelled = new AbortController();
  const reason = new Error("cancelled by somebody");
  let calls = 0;
  const call = retrying(clock, cancelled.signal, () => {
    calls += 1;
    if (calls === 1) return Promise.reject(unavailable("catalog", "away"));
    queueMicrotask(() => cancelled.abort(reason));
    return hang(cancelled.signal);
  });
  await expect(call).rejects.toBe(reason);
});
