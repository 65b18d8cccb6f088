import type { RegistrationStore } from "../records.ts";
import { expect, test } from "vitest";
import { systemClock } from "../../adapters/system/clock.ts";
import { createProgress } from "./progress.ts";

test("an end that another replica commits between two reads is told", async () => {
  let reads = 0;
  let ended = false;
  /** Ends after the first read that it is asked for, whichever that is. */
  const read = <T>(now: () => T): Promise<T> => {
    const seen = now();
    reads += 1;
    if (reads === 1) ended = true;
    return Promise.resolve(seen);
  };
  const attempts = {
    find: () => read(() => ({ state: ended ? "ROLLED_BACK" : "RUNNING" })),
    events: () => read(() => (ended ? [{ attemptId: "a", sequence: 6, type: "FAILED" }] : [])),
  };
  const store = { tx: (work: (tx: unknown) => Promise<unknown>) => work({ attempts }) } as unknown as RegistrationStore;
  const progress = createProgress(store, systemClock, () => false);
  const events = await Array.fromAsync(progress.follow("a", 5, new AbortController().signal));
  expect(events.map(({ type }) => type)).toEqual(["FAILED"]);
});
