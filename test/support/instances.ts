import type { Catalog } from "../../src/registration/ports.ts";
import { setTimeout as pause } from "node:timers/promises";

/**
 * The first value of `read` that is not undefined; fails when it still is after `limitMs`, which is a limit for a machine
 * that stands still for seconds: what is promised to be fast is to be seen by other means.
 */
export async function eventually<T>(read: () => Promise<T | undefined>, limitMs = 60_000, everyMs = 10): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const isLast = Date.now() > end;
    const value = await read();
    if (value !== undefined) return value;
    if (isLast) throw new Error(`not within ${limitMs} ms`);
    await pause(everyMs);
  }
}

export interface InstanceWatch extends AsyncDisposable {
  count(): number;
  /** Distinct states in the order they were first seen: `<status> <attempt id> <tags>`, or `none`. */
  states(): readonly string[];
  /** Resolves after so many reads in all; rejects when a read failed. */
  atLeast(reads: number): Promise<void>;
}

/** Reads the instances again and again until disposed. */
export function watchInstances(catalog: Catalog, filter: Parameters<Catalog["instances"]>[0]): InstanceWatch {
  const states: string[] = [];
  const stop = new AbortController();
  let count = 0;
  let failure: unknown;
  const reading = (async () => {
    while (!stop.signal.aborted) {
      const found = await catalog.instances(filter, AbortSignal.timeout(60_000));
      const state = found.map((it) => `${it.status} ${it.attemptId} ${it.tags.join(",")}`).join(" | ") || "none";
      if (!states.includes(state)) states.push(state);
      count += 1;
      await pause(1);
    }
  })().catch((error: unknown) => {
    failure = error;
  });
  return {
    count: () => count,
    states: () => states,
    async atLeast(reads) {
      await eventually(async () => {
        if (failure !== undefined) throw failure;
        return count >= reads || undefined;
      });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await reading;
    },
  };
}
