/**
 * The whole catalog as it changes, by two blocking queries for the process, for any number of watchers: one for the checks, whose
 * answer has all of them, and one for the services, whose answer only shows that something changed.
 *
 * Guarantees: a check result is shown from the answer that has it; any other change by a consistent read of services,
 * then checks, so that no service is shown as passing whose checks were not read. After an error or an index that went back
 * (a restarted or restored server) both queries restart, and an instance that is then missing is still shown until a second
 * consistent read, 2 s later, misses it too. Failures of the server are retried, with growing pauses.
 * Not guaranteed: every state in between. Whole reads take at most half of the time, so a big catalog that changes all the
 * time is shown late by up to three times what a whole read takes.
 * `watch-state.ts` decides when to read, show and rest.
 */
import type { CatalogSnapshot } from "../../registration/ports.ts";
import { setMaxListeners } from "node:events";
import { DomainError } from "../../kernel/errors.ts";
import type { Clock } from "../../kernel/ports.ts";
import { createPicture } from "./picture.ts";
import type { Blocking, ConsulReads } from "./reads.ts";
import { firstState, isWorthTaking, type PollName, restOf, step, type Todo, waitMs, type WatchEvent } from "./watch-state.ts";

/** An answer of a poll: its index, and whether the picture holds it now. */
interface Answer {
  readonly index: number;
  readonly fits: boolean;
}

export async function* watchConsul(reads: ConsulReads, clock: Clock, signal: AbortSignal): AsyncGenerator<CatalogSnapshot> {
  /** Aborted with an error that is our own bug: waiting does not fix it. */
  const ending = new AbortController();
  const stop = AbortSignal.any([signal, ending.signal]);
  setMaxListeners(0, stop);
  const picture = createPicture();
  let state = firstState;
  let news = Promise.withResolvers<void>();
  stop.addEventListener("abort", () => news.resolve(), { once: true });

  function after(event: WatchEvent): Todo {
    const next = step(state, event);
    state = next.state;
    return next.todo;
  }

  async function rest({ ms, spread }: { readonly ms: number; readonly spread: boolean }): Promise<void> {
    if (ms > 0) await clock.sleep(spread ? ms / 2 + Math.random() * (ms / 2) : ms, stop).catch(() => undefined);
  }

  async function poll(name: PollName, ask: (after: Blocking) => Promise<Answer>): Promise<void> {
    while (!stop.aborted) {
      const startedAt = clock.now();
      try {
        const answer = await ask({ index: state[name].index, waitMs });
        after({ type: "answered", poll: name, ...answer, at: clock.now() });
      } catch (error) {
        if (stop.aborted) return;
        if (!(error instanceof DomainError)) return ending.abort(error);
        after({ type: "failed", poll: name });
      }
      news.resolve();
      await rest(restOf(state[name], clock.now() - startedAt));
    }
  }

  async function askServices(from: Blocking): Promise<Answer> {
    return { index: await reads.servicesIndex(from, stop), fits: true };
  }

  async function askChecks(from: Blocking): Promise<Answer> {
    const { index, value } = await reads.allChecks(from, stop);
    return { index, fits: !isWorthTaking(state, index) || picture.takeResults(value) };
  }

  async function readAll(): Promise<Todo> {
    const startedAt = clock.now();
    try {
      const services = await reads.allServices(stop);
      const { index, value } = await reads.allChecks(undefined, stop);
      picture.takeAll(services, value);
      return after({ type: "read", startedAt, at: clock.now(), index, lacksSome: picture.lacksSome() });
    } catch (error) {
      if (!stop.aborted && !(error instanceof DomainError)) throw error;
      return after({ type: "read failed" });
    }
  }

  const polls = [poll("services", askServices), poll("checks", askChecks)];
  try {
    while (!stop.aborted) {
      news = Promise.withResolvers<void>();
      let todo = after({ type: "turn" });
      while (todo === "read") todo = await readAll();
      if (todo.show !== undefined) yield { instances: picture.show(todo.show.keepMissing), at: todo.show.at };
      await (todo.rest === "until news" ? news.promise : rest(todo.rest));
    }
    ending.signal.throwIfAborted();
  } finally {
    ending.abort();
    await Promise.all(polls);
  }
}
