import { DomainError } from "./errors.ts";
import type { Clock } from "./ports.ts";

const pausesMs = [100, 400, 1_600];

/**
 * Runs `call` again after a transient failure (kind `unavailable`), up to three times with growing pauses. Anything
 * else, and the last failure, is thrown as it came.
 */
export async function retrying<T>(clock: Clock, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  for (const pauseMs of pausesMs) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof DomainError) || error.kind !== "unavailable") throw error;
      if (signal.aborted) throw error;
      await clock.sleep(pauseMs, signal).catch(() => {
        throw error;
      });
    }
  }
  return call();
}
