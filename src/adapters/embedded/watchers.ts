/**
 * The watches of the embedded catalog.
 *
 * Guarantees: after each change every waiting watcher is woken in the same turn and reads the current catalog; a
 * busy one reads it once, at its next request, for any number of changes. A snapshot is made on request.
 */
import { orAborted } from "../../kernel/or-aborted.ts";
import type { CatalogInstance, CatalogSnapshot } from "../../registration/ports.ts";

export interface Watchers {
  changed(): void;
  /** Ends every watch. */
  end(): void;
  watch(signal: AbortSignal): AsyncGenerator<CatalogSnapshot>;
}

export function createWatchers(read: () => readonly CatalogInstance[]): Watchers {
  const waiting = new Set<() => void>();
  const ended = new AbortController();
  let instances: readonly CatalogInstance[] | undefined;

  const wakeAll = () => {
    for (const wake of waiting) wake();
    waiting.clear();
  };

  return {
    changed() {
      instances = undefined;
      wakeAll();
    },
    end() {
      ended.abort();
      wakeAll();
    },
    async *watch(signal) {
      let sent: readonly CatalogInstance[] | undefined;
      while (!signal.aborted && !ended.signal.aborted) {
        instances ??= read();
        if (instances !== sent) {
          sent = instances;
          yield { instances, at: undefined };
          continue;
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.add(resolve);
        await orAborted(promise, signal).catch(() => undefined);
        waiting.delete(resolve);
      }
    },
  };
}
