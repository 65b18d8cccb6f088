/** The journal of an attempt on an embedded store that fails on command. */
import { DomainError, unavailable } from "../../src/kernel/errors.ts";
import type { Note } from "../../src/registration/attempts/attempt-context.ts";
import { createJournal } from "../../src/registration/attempts/journal.ts";
import type { RegistrationStore } from "../../src/registration/records.ts";
import type { ProgressEvent } from "../../src/registration/types.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import * as fixtures from "../contract/store/fixtures.ts";
import { manualClock } from "./manual-clock.ts";

export const away = unavailable("store", "scripted");
export const broken = new DomainError({ kind: "wrong_state", reason: "CALLBACK_FAILED", message: "scripted" });
export const note = (message: string, alongside?: Note["alongside"]): Note => ({ message, ...(alongside ? { alongside } : {}) });

/** A journal of attempt `a`, which is at sequence 1, and a store that fails before or after a commit while `fails` says so. */
export async function openJournal(changes: Parameters<typeof fixtures.attempt>[1] = {}) {
  const clock = manualClock(1_000);
  const store = await openSqliteStore({ path: ":memory:", clock });
  const attempt = fixtures.attempt("a", changes);
  await store.tx(async (tx) => {
    await tx.instances.claim(attempt);
    await tx.attempts.insert(attempt, [fixtures.event("a", 1)], 60_000);
  });
  const it = {
    fails: undefined as "before" | "after" | undefined,
    transactions: 0,
    shown: [] as ProgressEvent[],
    logged: [] as string[],
    commits: 0,
  };
  const failing: RegistrationStore = {
    ...store,
    async tx(work) {
      if (it.fails === "before") throw away;
      const result = await store.tx(work);
      it.transactions += 1;
      if (it.fails === "after") {
        it.fails = undefined;
        throw away;
      }
      return result;
    },
  };
  const journal = createJournal(
    {
      ports: { store: failing, clock },
      progress: { publish: (event) => void it.shown.push(event) },
      log: (_level, event) => void it.logged.push(event),
      onCommit: () => void (it.commits += 1),
    },
    attempt,
  );
  return {
    it,
    clock,
    store,
    journal,
    recorded: async () => (await store.tx((tx) => tx.attempts.events("a", 1))).map(({ sequence, type, message }) => `${sequence} ${type} ${message}`),
    row: async () => (await store.tx((tx) => tx.attempts.find("a")))!,
    audit: async () =>
      (await store.tx((tx) => tx.audit.list({ kind: "instance", id: attempt.serviceId }))).map(({ action, detail }) => `${action} ${detail["state"]}`),
    shown: () => it.shown.map(({ sequence, type, message }) => `${sequence} ${type} ${message}`),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** How each of them ended: `ok`, or the reason. */
export function ends(...written: readonly Promise<unknown>[]): Promise<readonly string[]> {
  return Promise.all(
    written.map((one) =>
      one.then(
        () => "ok",
        (error: unknown) => (error instanceof DomainError ? error.reason : String(error)),
      ),
    ),
  );
}
