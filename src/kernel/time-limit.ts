import type { Clock } from "./ports.ts";

/** A limit of time: `signal` aborts with a TimeoutError when it is over. Disposing it before that ends its timer. */
export interface TimeLimit extends Disposable {
  readonly signal: AbortSignal;
}

/** A reason that nobody sees: without one, an error with a stack is made. */
const unused = "the limit is not needed any more";

/** A limit that ends `ms` from now by the given clock. */
export function timeLimit(clock: Pick<Clock, "sleep">, ms: number): TimeLimit {
  const limit = new AbortController();
  const disposed = new AbortController();
  clock.sleep(ms, disposed.signal).then(
    () => limit.abort(new DOMException(`not within ${ms} ms`, "TimeoutError")),
    () => undefined,
  );
  return { signal: limit.signal, [Symbol.dispose]: () => disposed.abort(unused) };
}
