import { toDomainError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import { orAborted } from "../kernel/or-aborted.ts";
import type { LoopSpec } from "../kernel/loop.ts";
import type { Clock } from "../kernel/ports.ts";

/** Repeated background work: at every nudge and, as a safety net, at every interval. */
export interface Loop extends AsyncDisposable {
  /** Requests a round now, or another one right after the current round. */
  nudge(): void;
  /** Resolves when the current round has ended; no further round begins. */
  stop(): Promise<void>;
}

export interface Background {
  readonly clock: Clock;
  readonly log: Log;
  /** The first round of every loop waits for it; it does not reject. */
  readonly after?: Promise<void>;
}

export type LoopOptions = LoopSpec & Background;

const maxPauseMs = 10_000;

/** A reason that nobody sees: without one, an error with a stack is made. */
const woken = "the loop is woken";

/**
 * Starts a loop. Rounds never overlap. A failing round is logged, the first of a row as an error and the end of the row
 * as recovered, and makes the pauses grow up to 10 s.
 */
export function startLoop({ name, everyMs, after, clock, log, round, wokenBy }: LoopOptions): Loop {
  const stopping = new AbortController();
  let wake = new AbortController();
  let failures = 0;

  async function run(): Promise<void> {
    if (after) await orAborted(after, stopping.signal).catch(() => undefined);
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      let more = false;
      try {
        more = await round(stopping.signal);
        if (failures > 0) log("info", "loop.recovered", { loop: name, failures });
        failures = 0;
      } catch (error) {
        if (stopping.signal.aborted) return;
        failures += 1;
        if (failures === 1) log("error", "loop.failed", { loop: name, reason: toDomainError(error).reason, error });
      }
      if (more) continue;
      const pace = typeof everyMs === "number" ? everyMs : everyMs();
      const pauseMs = failures === 0 ? pace : Math.min(pace * 2 ** failures, maxPauseMs);
      await clock.sleep(pauseMs, AbortSignal.any([stopping.signal, wake.signal])).catch(() => undefined);
    }
  }

  const running = run();
  wokenBy?.(() => wake.abort(woken), stopping.signal);
  const stop = (): Promise<void> => {
    stopping.abort();
    return running;
  };
  return {
    nudge: () => wake.abort(woken),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
