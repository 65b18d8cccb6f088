/**
 * Runs a list of steps, each with the event that reports it, and undoes them when one fails. Independent of
 * registration.
 *
 * Guarantees: the events are recorded in the order of the steps; a step that is not `early` begins when all events before
 * it are durable, and does nothing before; a failure is journaled before anything is undone; undo goes in reverse and
 * includes the failed step, since a call that timed out may have happened, and the early ones after it, since their work
 * may be ahead of them; work ahead has ended before the first undo; an undo is retried several times and an undo that keeps
 * failing does not stop the others. Not guaranteed: that a step or its undo ran only once; both must be safe
 * to repeat, and an undo safe to call when nothing was done. Recovery after a crash has one direction: `unwind`, of all steps (see
 * docs/decisions/0002). A step that rejects with `Held` has not failed: everything is undone all the same, and the saga ends as held.
 */
import { DomainError, toDomainError } from "./errors.ts";
import type { Clock } from "./ports.ts";
import { timeLimit } from "./time-limit.ts";

export interface Step<Context, Event extends string, Note> {
  /** The progress event that reports that `run` is done. */
  readonly event: Event;
  /** Upper bound for one `run`, retries included. */
  readonly timeoutMs: number;
  /** It, or its work, may begin before the events before it are durable, and they may be written together with its own. */
  readonly early?: true;
  run(context: Context, signal: AbortSignal): Promise<Note>;
  /** Undoes what may have been done for this attempt, and only that. Also called when `run` never began. */
  undo?(context: Context, signal: AbortSignal): Promise<void>;
}

/** What follows a step: one that may share its transaction, another one, or nothing since the saga has succeeded. */
export type Then = "early step" | "step" | "end";

export interface Journal<Event extends string, Note> {
  /** Makes a step's event durable and shows it to followers. */
  recorded(event: Event, note: Note, then: Then): Promise<void>;
  /** Makes the decision to unwind durable. */
  unwinding(why: DomainError | Held): Promise<void>;
  /** Ends the saga as held, with what could not be undone. Rejects with a DomainError when it cannot be held: then it has failed. */
  held(why: Held, leftovers: readonly DomainError[]): Promise<void>;
  /** Ends the saga as failed: everything undone when `leftovers` is empty, else stuck. */
  ended(error: DomainError, leftovers: readonly DomainError[]): Promise<void>;
}

/** What a step rejects with that may not go on now, though nothing is wrong. */
export class Held extends Error {}

/** How a saga ended: undefined when it succeeded. */
export type SagaEnd = DomainError | "held" | undefined;

/** Named instants of a run, so that tests can stop the process exactly there. */
export type SagaProbe = (at: { readonly event: string; readonly phase: "begin" | "effect" | "recorded" | "undo" | "undone" | "held" }) => void;

export interface Saga<Context, Event extends string, Note> {
  readonly steps: readonly Step<Context, Event, Note>[];
  readonly context: Context;
  readonly journal: Journal<Event, Note>;
  readonly clock: Clock;
  /** Ends work that runs ahead of its step; resolves when it has ended. */
  readonly endAhead?: () => Promise<void>;
  readonly probe?: SagaProbe | undefined;
}

const undoTries = 3;
/** For one step, all tries together: a hanging dependency must not delay the undo of other steps for long. */
const undoLimitMs = 10_000;

/** Runs every step. Rejects only when the journal does. */
export async function runSaga<Context, Event extends string, Note>(saga: Saga<Context, Event, Note>, signal: AbortSignal): Promise<SagaEnd> {
  const unwritten = new AbortController();
  let durable: Promise<void> = Promise.resolve();

  async function record(event: Event, note: Note, then: Then): Promise<void> {
    await saga.journal.recorded(event, note, then);
    saga.probe?.({ event, phase: "recorded" });
  }

  for (const [index, step] of saga.steps.entries()) {
    const next = saga.steps[index + 1];
    using limit = timeLimit(saga.clock, step.timeoutMs);
    try {
      if (!step.early) await durable;
      signal.throwIfAborted();
      saga.probe?.({ event: step.event, phase: "begin" });
      const note = await step.run(saga.context, AbortSignal.any([signal, unwritten.signal, limit.signal]));
      saga.probe?.({ event: step.event, phase: "effect" });
      durable = record(step.event, note, next ? (next.early ? "early step" : "step") : "end");
      durable.catch((error: unknown) => unwritten.abort(error));
      if (!next) await durable;
    } catch (error) {
      const begun = { ...saga, steps: saga.steps.slice(0, endOfReach(saga.steps, index)) };
      if (error instanceof Held) return hold(begun, step.event, error);
      const failure = limit.signal.aborted && error === limit.signal.reason ? tookTooLong(step.event, step.timeoutMs) : toDomainError(error);
      await unwind(begun, failure);
      return failure;
    }
  }
  return undefined;
}

/** How many steps may have had an effect when step `index` was the last to begin: those after it that are early, too. */
function endOfReach(steps: readonly { readonly early?: true }[], index: number): number {
  const next = steps.findIndex((step, later) => later > index && !step.early);
  return next < 0 ? steps.length : next;
}

/** Undoes every step, the last one first, then ends the saga with `error`. */
export async function unwind<Context, Event extends string, Note>(saga: Saga<Context, Event, Note>, error: DomainError): Promise<void> {
  await saga.journal.ended(error, await undoAll(saga, error));
}

async function hold<Context, Event extends string, Note>(saga: Saga<Context, Event, Note>, event: Event, why: Held): Promise<SagaEnd> {
  const leftovers = await undoAll(saga, why);
  try {
    await saga.journal.held(why, leftovers);
    saga.probe?.({ event, phase: "held" });
    return "held";
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    await saga.journal.ended(error, leftovers);
    return error;
  }
}

/** Resolves to what could not be undone. */
async function undoAll<Context, Event extends string, Note>(saga: Saga<Context, Event, Note>, why: DomainError | Held): Promise<readonly DomainError[]> {
  await saga.endAhead?.();
  await saga.journal.unwinding(why);
  const leftovers: DomainError[] = [];
  for (const step of saga.steps.toReversed()) {
    if (!step.undo) continue;
    saga.probe?.({ event: step.event, phase: "undo" });
    const failure = await undoStep(saga, step);
    if (failure) leftovers.push(failure);
    saga.probe?.({ event: step.event, phase: "undone" });
  }
  return leftovers;
}

async function undoStep<Context, Event extends string, Note>(
  saga: Saga<Context, Event, Note>,
  step: Step<Context, Event, Note>,
): Promise<DomainError | undefined> {
  let failure: DomainError | undefined;
  using limit = timeLimit(saga.clock, undoLimitMs);
  const { signal } = limit;
  for (let tried = 0; tried < undoTries && !signal.aborted; tried++) {
    if (tried > 0) await saga.clock.sleep(250 * 4 ** (tried - 1));
    try {
      await step.undo?.(saga.context, signal);
      return undefined;
    } catch (error) {
      failure = error === signal.reason ? tookTooLong(`undo of ${step.event}`, undoLimitMs) : toDomainError(error);
    }
  }
  return failure;
}

function tookTooLong(what: string, limitMs: number): DomainError {
  return new DomainError({ kind: "timeout", reason: "DEADLINE_EXCEEDED", message: `${what} took longer than ${limitMs} ms` });
}
