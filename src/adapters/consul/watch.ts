/**
 * The whole catalog as it changes, by two blocking queries for the process, however many look on: one for the checks, whose
 * answer holds them all, and one for the services, whose answer only says that something changed.
 *
 * Guarantees: a result of a check is told from the answer that brought it; anything else by a consistent read of services,
 * then checks, so that no service is told as passing whose checks were not read. After an error or an index that went back
 * (a restarted or restored server) both queries begin anew, and an instance that is then missing is told on until a second
 * consistent read, 2 s later, misses it too. What goes wrong on the
 * other side is waited out, with growing pauses.
 * Not guaranteed: every state in between. Whole reads take at most half of the time, so a big catalog that changes all the
 * time is told late by up to three times what a whole read takes.
 */
import type { CatalogSnapshot } from "../../registration/ports.ts";
import { setMaxListeners } from "node:events";
import { DomainError } from "../../kernel/errors.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { Indexed } from "./http.ts";
import { createPicture } from "./picture.ts";
import type { Blocking, ConsulReads } from "./reads.ts";
import type { ConsulCheck } from "./types.ts";

/** How old an unchanged catalog's snapshot may get. */
const waitMs = 5_000;
const secondLookMs = 2_000;
const firstPauseMs = 50;
const maxPauseMs = 2_000;
/** A server that does not block although it is asked to must not be asked in a tight loop. */
const leastTurnMs = 5;

export async function* watchConsul(reads: ConsulReads, clock: Clock, signal: AbortSignal): AsyncGenerator<CatalogSnapshot> {
  const ending = new AbortController();
  const stop = AbortSignal.any([signal, ending.signal]);
  setMaxListeners(0, stop);
  const picture = createPicture();
  let wake = Promise.withResolvers<void>();
  stop.addEventListener("abort", () => wake.resolve(), { once: true });
  /** A whole read is due. */
  let stale = true;
  /** The catalog may not be itself yet: absence needs a second look. */
  let doubtful = false;
  /** A mistake of ours, which waiting does not mend. */
  let fault: { readonly error: unknown } | undefined;
  /** Of the last whole read. */
  let readIndex = 0;
  /** When services and checks were last known to be as in the picture. */
  let services = 0;
  let checks = 0;

  const rest = (ms: number): Promise<void> => clock.sleep(ms, stop).catch(() => undefined);

  function doubt(): void {
    stale = true;
    doubtful = true;
    picture.forgetIndex();
  }

  function onChecks(answer: Indexed<readonly ConsulCheck[]>): void {
    if (!picture.takeResults(answer)) stale = true;
    if (!stale) checks = clock.now();
  }

  function onServices(changed: boolean): void {
    if (changed) stale = true;
    if (!stale) services = clock.now();
  }

  /** Asks again and again; `take` hears of each answer, and whether its index is another one than before. */
  async function poll<T>(ask: (after: Blocking) => Promise<Indexed<T>>, take: (answer: Indexed<T>, changed: boolean) => void): Promise<void> {
    let index = 0;
    let failures = 0;
    while (!stop.aborted) {
      const startedAt = clock.now();
      try {
        const answer = await ask({ index, waitMs });
        const wentBack = answer.index > 0 && answer.index < index;
        if (wentBack) doubt();
        else take(answer, answer.index !== index);
        index = wentBack ? 0 : answer.index;
        // An index of 0 does not block: then it is a poll, and a slow one.
        failures = answer.index > 0 ? 0 : failures + 1;
      } catch (error) {
        if (stop.aborted) return;
        if (!(error instanceof DomainError)) fault ??= { error };
        doubt();
        index = 0;
        failures += 1;
      }
      wake.resolve();
      if (failures > 0) await rest(pauseMs(failures));
      else if (clock.now() - startedAt < leastTurnMs) await rest(leastTurnMs);
    }
  }

  async function readAll(): Promise<void> {
    const at = clock.now();
    stale = false;
    try {
      const found = await reads.allServices(stop);
      const answer = await reads.allChecks(undefined, stop);
      picture.takeAll(found, answer);
      if (answer.index < readIndex) doubt();
      readIndex = answer.index;
      services = Math.max(services, at);
      checks = Math.max(checks, at);
    } catch (error) {
      doubt();
      throw error;
    }
  }

  const polls = [
    poll((after) => reads.allChecks(after, stop), onChecks),
    poll(
      async (after) => ({ index: await reads.servicesIndex(after, stop), value: undefined }),
      (_answer, changed) => onServices(changed),
    ),
  ];
  try {
    let failures = 0;
    /** Of the last snapshot without doubt; undefined before the first. */
    let certainAt: number | undefined;
    while (!stop.aborted) {
      if (fault) throw fault.error;
      wake = Promise.withResolvers<void>();
      if (!stale) {
        yield { instances: picture.tell(false), at: (certainAt = Math.min(services, checks)) };
        if (!stale) await wake.promise;
        continue;
      }
      const startedAt = clock.now();
      let inDoubt = doubtful;
      doubtful = false;
      try {
        await readAll();
        inDoubt ||= doubtful;
        doubtful = false;
        failures = 0;
      } catch (error) {
        if (!stop.aborted && !(error instanceof DomainError)) throw error;
        failures += 1;
        await rest(pauseMs(failures));
        continue;
      }
      const tookMs = clock.now() - startedAt;
      if (inDoubt && certainAt !== undefined && picture.lacksSome()) {
        yield { instances: picture.tell(true), at: certainAt };
        await rest(secondLookMs);
        // Unless there is new doubt by then, the next read counts.
        stale = true;
      } else if (tookMs > leastTurnMs) {
        yield { instances: picture.tell(false), at: (certainAt = Math.min(services, checks)) };
        await rest(tookMs);
      }
    }
  } finally {
    ending.abort();
    await Promise.all(polls);
  }
}

function pauseMs(failures: number): number {
  const full = Math.min(firstPauseMs * 2 ** failures, maxPauseMs);
  return full / 2 + Math.random() * (full / 2);
}
