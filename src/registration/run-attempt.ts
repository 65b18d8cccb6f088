/**
 * Runs attempts as background work of this process: the stream that asked for one only follows it.
 *
 * Guarantees: at most one process moves an attempt (every write is fenced by the lease); an event is shown after it is
 * durable; a write whose answer was lost is recognised and not repeated; a process that has lost an attempt undoes what
 * it did for it, since its last act may be later than the new owner's undo, and tells nobody. One exception to durability: while the store is
 * away a failure is told to the followers before it is recorded. That is sound because from then on the attempt can only
 * unwind (recovery never resumes), unless the lost write was the commit itself: then nothing is told, the followers'
 * streams break off, and the row tells the outcome later.
 */
import { DomainError, toDomainError, type FieldViolation } from "../errors.ts";
import type { Log } from "../log.ts";
import { retrying } from "../retry.ts";
import { runSaga, unwind, type Journal, type Saga, type SagaProbe } from "../saga.ts";
import { entryOf, remember, type AttemptContext, type Note, type RegistrationPorts } from "./attempt-context.ts";
import type { Attempt, Tx } from "./records.ts";
import type { Progress } from "./progress.ts";
import { serviceTypes } from "./service-types.ts";
import { describeModule } from "./steps/retrieve-metadata.ts";
import { checkedSchema } from "./steps/validate-schema.ts";
import type { EventType, ProgressEvent } from "./types.ts";

export interface RunnerDeps {
  readonly ports: RegistrationPorts;
  readonly progress: Progress;
  readonly log: Log;
  readonly probe?: SagaProbe | undefined;
  /** Called once for every attempt that ended here. */
  readonly onEnd?: (attempt: Attempt, error: DomainError | undefined) => void;
  /** Called after a commit that left something in the outbox. */
  readonly onCommit: () => void;
}

type RegistrationSaga = Saga<AttemptContext, EventType, Note>;

/** Runs a fresh attempt to its end. Never rejects. */
export async function runAttempt(deps: RunnerDeps, attempt: Attempt, signal: AbortSignal): Promise<void> {
  await settle(deps, attempt, async (saga) => runSaga(saga, signal));
}

/** Takes back what an attempt of a former owner left, recorded or not. Never rejects. */
export async function unwindAttempt(deps: RunnerDeps, attempt: Attempt, why: DomainError): Promise<void> {
  await settle(deps, attempt, async (saga) => {
    const error = attempt.error ? new DomainError(attempt.error) : why;
    await unwind(saga, Math.min(attempt.cursor, saga.steps.length - 1), error);
    return error;
  });
}

async function settle(deps: RunnerDeps, attempt: Attempt, work: (saga: RegistrationSaga) => Promise<DomainError | undefined>): Promise<void> {
  try {
    const error = await work(sagaOf(deps, attempt));
    deps.log(error ? "warn" : "info", "attempt.ended", { attempt: attempt.id, service: attempt.serviceId, type: attempt.type, reason: error?.reason, error });
    deps.onEnd?.(attempt, error);
  } catch (error) {
    deps.log("error", "attempt.abandoned", { attempt: attempt.id, service: attempt.serviceId, error });
    deps.progress.abandon(attempt.id, toDomainError(error));
  }
}

function sagaOf(deps: RunnerDeps, attempt: Attempt): RegistrationSaga {
  const journal = createJournal(deps, attempt);
  const { ports } = deps;
  const entry = entryOf(attempt.request, attempt.id, attempt.serviceId, attempt.address);
  const describe = remember((signal) => describeModule({ attempt, entry, ports }, signal));
  const schema = remember((signal) => checkedSchema({ attempt, ports, describe }, signal));
  const context: AttemptContext = { attempt, ports, entry, describe, schema, report: journal.report, published: {} };
  return { steps: serviceTypes[attempt.type] ?? [], context, journal, clock: ports.clock, probe: deps.probe };
}

type Patch = Parameters<Tx["attempts"]["advance"]>[1];

function createJournal(deps: RunnerDeps, attempt: Attempt): Journal<EventType, Note> & Pick<AttemptContext, "report"> {
  const { store, clock } = deps.ports;
  let cursor = attempt.cursor;
  let sequence = attempt.lastSequence;
  let queue: Promise<unknown> = Promise.resolve();
  const lost = leaseLost(attempt.id);

  /** One write at a time, so that a report from beside a step cannot take that step's sequence. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = queue.then(work);
    queue = turn.catch(() => undefined);
    return turn;
  }

  function eventOf(type: EventType, note: Note & { readonly errorDetail?: string }): ProgressEvent {
    const { alongside: _alongside, ...told } = note;
    return { attemptId: attempt.id, sequence: sequence + 1, type, at: clock.now(), ...told };
  }

  /** `patienceMs` is how long a store that is away is waited for. */
  async function write(patch: Patch, event?: ProgressEvent, alongside?: (tx: Tx) => Promise<void>, patienceMs = 8_000): Promise<void> {
    await retrying(clock, AbortSignal.timeout(patienceMs), () =>
      store.tx(async (tx) => {
        const moved = await tx.attempts.advance({ id: attempt.id, lease: attempt.lease, lastSequence: sequence }, { ...patch, updatedAt: clock.now() }, event);
        if (moved) {
          await alongside?.(tx);
          return;
        }
        const now = await tx.attempts.find(attempt.id);
        const ours = now?.lease.epoch === attempt.lease.epoch && now.lease.owner === attempt.lease.owner;
        const written = event === undefined ? patch.state === now?.state : now?.lastSequence === event.sequence;
        if (!ours || !written) throw lost;
      }),
    );
    if (event) {
      sequence = event.sequence;
      deps.progress.publish(event);
    }
  }

  return {
    report: (type, note) => inTurn(() => write({}, eventOf(type, note))),
    recorded: (type, note, last) =>
      inTurn(async () => {
        const patch: Patch = { cursor: cursor + 1, ...(last ? { state: "COMPLETED", outcome: note.outcome } : {}) };
        try {
          await write(patch, eventOf(type, note), note.alongside);
        } catch (error) {
          if (last && isStoreAway(error)) throw new OutcomeUnknown(toDomainError(error));
          throw error;
        }
        cursor += 1;
        if (last) deps.onCommit();
      }),
    unwinding: (error) =>
      inTurn(async () => {
        if (error.cause instanceof OutcomeUnknown) throw error.cause.failure;
        if (attempt.state === "UNWINDING" || attempt.state === "STUCK") return;
        await write({ state: "UNWINDING", error }, undefined, undefined, isStoreAway(error) ? 0 : undefined).catch((failure: unknown) => {
          // Who has lost the attempt takes back all the same: what it did last may be later than the new owner's undo.
          if (failure !== lost && !isStoreAway(failure)) throw failure;
        });
      }),
    ended: (error, leftovers) =>
      inTurn(async () => {
        const stuck = leftovers.length > 0;
        for (const leftover of leftovers) deps.log("error", "attempt.undo-failed", { attempt: attempt.id, service: attempt.serviceId, error: leftover });
        const told = attempt.state === "STUCK";
        const failed = told
          ? undefined
          : eventOf("FAILED", {
              message: stuck ? "registration failed; what it left is still being taken back" : "registration failed and was rolled back",
              errorDetail: detailOf(error),
            });
        try {
          const detail = { attempt_id: attempt.id, reason: error.reason, state: stuck ? "STUCK" : "ROLLED_BACK" };
          const audit = { subject: attempt.serviceId, at: clock.now(), actor: "muster", action: "REGISTRATION_FAILED", detail } as const;
          await write({ state: stuck ? "STUCK" : "ROLLED_BACK", error }, failed, (tx) => tx.audit.append(audit));
        } catch (storeError) {
          if (!failed || !isStoreAway(storeError)) throw storeError;
          deps.progress.publish(failed);
          deps.log("error", "attempt.failure-not-recorded", { attempt: attempt.id, error: storeError });
        }
      }),
  };
}

/** What FAILED says: the reason's name, then the text, then bad fields if any. */
function detailOf(error: DomainError): string {
  const fields = error.fields.map(({ field, description }: FieldViolation) => `${field} ${description}`).join("; ");
  return `${error.reason}: ${error.message}${fields ? ` (${fields})` : ""}`;
}

function isStoreAway(error: unknown): boolean {
  return error instanceof DomainError && error.kind === "unavailable" && error.metadata["dependency"] === "store";
}

/** Another process has the attempt now. */
export function leaseLost(attemptId: string): DomainError {
  return new DomainError({
    kind: "conflict",
    reason: "INTERRUPTED",
    message: `another replica has taken over attempt ${attemptId}`,
    retryAfterMs: 1_000,
  });
}

/** The commit was sent and no answer came. */
class OutcomeUnknown extends Error {
  readonly failure: DomainError;
  constructor(failure: DomainError) {
    super("the outcome of the commit is unknown");
    this.failure = failure;
  }
}
