import { DomainError } from "./errors.ts";
import type { Clock } from "./ports.ts";

const pausesMs = [100, 400, 1_600];

/**
 * Retries `call` after a transient failure (kind `unavailable`), up to three times with growing pauses. Any other
 * failure, and the last one, is thrown unchanged; when time runs out during a retry, the previous failure is thrown,
 * which is more specific than a timeout.
 */
export async function retrying<T>(clock: Clock, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  let former: DomainError | undefined;
  for (let tries = 0; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (former && error === signal.reason && isTimeout(error)) throw former;
      const pauseMs = pausesMs[tries];
      if (!(error instanceof DomainError) || error.kind !== "unavailable" || pauseMs === undefined || signal.aborted) throw error;
      former = error;
      await clock.sleep(pauseMs, signal).catch(() => {
        throw error;
      });
    }
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === "TimeoutError";
}
