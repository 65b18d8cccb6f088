/**
 * Repeated health probes of many endpoints.
 *
 * Guarantees: at most 32 probes at a time; each watched endpoint has one probe or one pause, never two; after `stop`
 * nothing more is reported; after dispose nothing runs. A slow endpoint delays only its own next probe, and endpoints of one
 * address, however many time out (2 s each), at most those of the same address: addresses share the probes.
 */
import type { ModuleClient } from "../../registration/ports.ts";
import { createFairQueue } from "../../kernel/fair-queue.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { CheckTarget, HealthVerdict } from "../../registration/types.ts";

const parallelProbes = 32;

export interface HealthProber extends AsyncDisposable {
  /**
   * Probes until the returned function is called. `pauseMs(n)` is the pause before the n-th probe, counted from 0.
   * `report` must not throw.
   */
  watch(target: CheckTarget, pauseMs: (probes: number) => number, report: (verdict: HealthVerdict) => void): () => void;
}

export function createHealthProber(clock: Clock, probe: ModuleClient["health"]): HealthProber {
  const queue = createFairQueue({ places: parallelProbes });
  const watches = new Map<AbortController, Promise<void>>();

  async function run(target: CheckTarget, pauseMs: (probes: number) => number, report: (verdict: HealthVerdict) => void, signal: AbortSignal): Promise<void> {
    for (let probes = 0; ; probes += 1) {
      const pause = pauseMs(probes);
      if (pause > 0) await clock.sleep(pause, signal);
      const verdict = await queue.run(target.address, signal, () => probe(target, signal));
      signal.throwIfAborted();
      report(verdict);
    }
  }

  return {
    watch(target, pauseMs, report) {
      const stopping = new AbortController();
      // The loop ends by its signal alone: neither a pause nor a probe rejects otherwise.
      const ended = run(target, pauseMs, report, stopping.signal)
        .catch(() => {})
        .finally(() => watches.delete(stopping));
      watches.set(stopping, ended);
      return () => stopping.abort();
    },
    async [Symbol.asyncDispose]() {
      const ending = [...watches.values()];
      for (const stopping of watches.keys()) stopping.abort();
      await Promise.all(ending);
    },
  };
}
