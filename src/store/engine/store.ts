/**
 * The store over one Kysely instance, for both databases.
 *
 * Guarantees: what `fn` wrote through `tx` is committed together or not at all. When the database makes the transaction
 * the victim of another (deadlock, lock wait, a row that another one inserted first), it is rolled back and `fn` is
 * rerun, at most three times. A driver's error is thrown as a DomainError without SQL; what `fn` itself throws is
 * thrown unchanged. Not guaranteed: after `unavailable` from a lost connection the commit may or may not have happened.
 * Closing lets open transactions finish first, with a time limit.
 */
import type { Kysely } from "kysely";
import { DomainError, unavailable } from "../../kernel/errors.ts";
import type { Store } from "../../kernel/ports.ts";
import type { StoreDialect } from "./dialect.ts";
import type { StorePart } from "./part.ts";

type EngineTables = { muster_migrations: { name: string } };

const retries = 3;
const drainMs = 5_000;

export interface StoreBackend {
  readonly db: Kysely<unknown>;
  readonly dialect: StoreDialect;
  readonly exclusive: boolean;
  /** A short random pause before run number `retry` + 1, so that two victims do not collide again. */
  pause(retry: number): Promise<void>;
  /** Closes the connections; `db` itself closes only what it has used. */
  close(): Promise<void>;
}

/** A RegistrationStore that owns its parts. */
export function createStore<Tx>({ db, dialect, exclusive, pause, close }: StoreBackend, part: StorePart<Tx>): Store<Tx> {
  const running = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;
  /** The connections were closed before some transactions had finished. */
  let abandoned = false;

  function track<T>(work: () => Promise<T>): Promise<T> {
    if (closing) return Promise.reject(unavailable("store", "it is closed"));
    const promise = work();
    running.add(promise);
    const forget = (): void => void running.delete(promise);
    promise.then(forget, forget);
    return promise;
  }

  function meaningOf(error: unknown): unknown {
    if (error instanceof DomainError) return error;
    return dialect.translate(error) ?? (abandoned ? unavailable("store", "it was closed meanwhile", error) : error);
  }

  async function run<T>(fn: (tx: Tx) => Promise<T>): Promise<T> {
    for (let retry = 1; ; retry++) {
      const committed: (() => void)[] = [];
      const afterCommit = (work: () => void): void => void committed.push(work);
      try {
        const result = await db.transaction().execute((trx) => fn(part.repositories({ db: trx, dialect, afterCommit })));
        for (const work of committed) work();
        return result;
      } catch (error) {
        if (abandoned || retry > retries || !dialect.isTransient(error)) throw meaningOf(error);
      }
      await pause(retry);
    }
  }

  async function ask(): Promise<void> {
    try {
      await db.transaction().execute((trx) => trx.withTables<EngineTables>().selectFrom("muster_migrations").select("name").limit(1).execute());
    } catch (error) {
      throw meaningOf(error);
    }
  }

  async function drain(): Promise<void> {
    await Promise.race([Promise.allSettled(running), elapsed(AbortSignal.timeout(drainMs))]);
    abandoned = running.size > 0;
    await db.destroy();
    await close();
  }

  return {
    exclusive,
    tx: (fn) => track(() => run(fn)),
    async ping(signal) {
      signal.throwIfAborted();
      const asking = track(ask);
      await Promise.race([asking, aborted(signal, asking)]);
    },
    [Symbol.asyncDispose]() {
      closing ??= drain();
      return closing;
    },
  };
}

function elapsed(limit: AbortSignal): Promise<void> {
  return new Promise((resolve) => limit.addEventListener("abort", () => resolve(), { once: true }));
}

/** Rejects with the signal's reason when it is aborted; stops listening once `work` has settled. */
function aborted(signal: AbortSignal, work: Promise<unknown>): Promise<never> {
  return new Promise((_resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const stop = (): void => signal.removeEventListener("abort", onAbort);
    work.then(stop, stop);
  });
}
