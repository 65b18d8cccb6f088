/**
 * The registrations behind the catalog's entries, by attempt id, so that no lookup of an instance costs a query.
 *
 * Guarantees: a registration is read once, when its entry first appears, with all others that appeared at the same time; one
 * that is not committed yet, or not of our record, is looked for again after growing pauses, or at `hurry`; a store that
 * is away only delays it. Forgotten when its entry is gone. Not noticed: later changes of a row, but for its becoming ACTIVE.
 */
import type { Log } from "../../kernel/log.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { Registration, RegistrationStore } from "../records.ts";

const batch = 500;
const firstPauseMs = 50;
const maxPauseMs = 30_000;

export interface RecordsOfEntries extends AsyncDisposable {
  get(attemptId: string): Registration | undefined;
  /** The entries that there are now: others are forgotten, unknown ones looked up. */
  keep(attemptIds: ReadonlySet<string>): void;
  /** Something was committed: looks at once. */
  hurry(): void;
}

export interface RecordsOptions {
  readonly store: RegistrationStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Registrations were found. */
  readonly onFound: () => void;
}

export function createRecordsOfEntries({ store, clock, log, onFound }: RecordsOptions): RecordsOfEntries {
  const known = new Map<string, Registration>();
  const wanted = new Set<string>();
  const closed = new AbortController();
  let wake = new AbortController();
  let looking: Promise<void> | undefined;
  let pauseMs = firstPauseMs;
  let failing = false;

  async function look(): Promise<void> {
    while (wanted.size > 0 && !closed.signal.aborted) {
      wake = new AbortController();
      try {
        if (await readWanted()) onFound();
        failing = false;
      } catch (error) {
        if (!failing) log("warn", "discovery.records-not-read", { error });
        failing = true;
      }
      if (wanted.size === 0) break;
      await clock.sleep(pauseMs, AbortSignal.any([closed.signal, wake.signal])).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, maxPauseMs);
    }
    looking = undefined;
  }

  async function readWanted(): Promise<boolean> {
    const ids = [...wanted];
    let found = false;
    for (let at = 0; at < ids.length; at += batch) {
      const rows = await store.tx((tx) => tx.registrations.findAll(ids.slice(at, at + batch)));
      for (const row of rows) {
        if (row.state === "PENDING" || !wanted.delete(row.id)) continue;
        known.set(row.id, row);
        found = true;
      }
    }
    return found;
  }

  function start(): void {
    pauseMs = firstPauseMs;
    wake.abort();
    looking ??= look();
  }

  return {
    get: (attemptId) => known.get(attemptId),
    keep(attemptIds) {
      for (const id of known.keys()) if (!attemptIds.has(id)) known.delete(id);
      for (const id of wanted) if (!attemptIds.has(id)) wanted.delete(id);
      const before = wanted.size;
      for (const id of attemptIds) if (!known.has(id)) wanted.add(id);
      if (wanted.size > before) start();
    },
    hurry() {
      if (wanted.size > 0) start();
    },
    async [Symbol.asyncDispose]() {
      closed.abort();
      await looking;
    },
  };
}
