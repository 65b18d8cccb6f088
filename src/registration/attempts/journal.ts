/**
 * Writes down what an attempt does, event by event, and shows each event when it is durable.
 *
 * Guarantees: every write is fenced by the lease, so at most one process moves an attempt; a process that has lost one
 * undoes what it did for it, since its last act may be later than the new owner's undo, and shows nothing. Events are
 * written in the order they were given, one transaction at a time; one that is followed by an early step is held for a
 * moment to share a transaction with that step's event; when a transaction of several is refused each is written alone,
 * so that those before the refused one stand; after one that could not be written no later one is. A write whose answer
 * was lost is recognised and not repeated. One exception to durability: while the store is away a failure is shown to the
 * followers before it is recorded. That is sound because from then on the attempt can only unwind (recovery never
 * resumes), unless the lost write was the commit itself, or the one that holds it for an approval: then nothing is shown, the
 * followers' streams break off, and the row has the outcome later.
 */
import { serverKey } from "../../kernel/caller.ts";
import { subjectOf } from "../service-id.ts";
import { DomainError, toDomainError, type FieldViolation } from "../../kernel/errors.ts";
import type { Log } from "../../kernel/log.ts";
import { retrying } from "../../kernel/retry.ts";
import { Held, type Journal, type Then } from "../../kernel/saga.ts";
import { timeLimit } from "../../kernel/time-limit.ts";
import { HeldForApproval } from "../gate/gate-types.ts";
import { heldEvents } from "../gate/held-events.ts";
import { withdrawTask } from "../task-types.ts";
import type { AttemptWriter, Note, RegistrationPorts } from "./attempt-context.ts";
import type { Attempt, RegistrationTx } from "../records.ts";
import type { Progress } from "./progress.ts";
import type { EventType, ProgressEvent } from "../types.ts";

/** How long an event is held back for the one of an early step. */
const holdMs = 25;
/** How long a store that is away is waited for. */
const patienceMs = 8_000;

type Patch = Parameters<RegistrationTx["attempts"]["advance"]>[1];

/** An event that waits to be written. */
interface Line {
  readonly type: EventType;
  readonly at: number;
  readonly note: Note;
  /** What comes after it, when it ends a step. */
  readonly next: Then | undefined;
  readonly written: PromiseWithResolvers<void>;
}

interface Write {
  readonly patch: Patch;
  readonly events?: readonly ProgressEvent[];
  /** Further events, that what is written in the transaction before it decides on. */
  readonly eventsOf?: (tx: RegistrationTx) => Promise<readonly ProgressEvent[]>;
  readonly alongside?: readonly ((tx: RegistrationTx) => Promise<void>)[];
  /** Tried once only: a store that is away is not waited for. */
  readonly isHasty?: boolean;
}

export interface JournalDeps {
  readonly ports: Pick<RegistrationPorts, "store" | "clock">;
  readonly progress: Pick<Progress, "publish">;
  readonly log: Log;
  /** Called after a commit that left something in the outbox. */
  readonly onCommit: () => void;
}

/** The journal of one attempt, which this process alone moves. */
export function createJournal(deps: JournalDeps, attempt: Attempt): Journal<EventType, Note> & AttemptWriter {
  const { store, clock } = deps.ports;
  let cursor = attempt.cursor;
  let sequence = attempt.lastSequence;
  let queue: Promise<unknown> = Promise.resolve();
  let waiting: readonly Line[] = [];
  /** Steps that the row holds since it was inserted; they are not written again. */
  let inserted = attempt.cursor;
  let failure: { readonly error: unknown } | undefined;
  const lost = leaseLost(attempt.id);

  /** One write at a time, so that a report from beside a step cannot take that step's sequence. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = queue.then(work);
    queue = turn.catch(() => undefined);
    return turn;
  }

  async function write({ patch, events: given = [], eventsOf, alongside = [], isHasty = false }: Write): Promise<void> {
    const writeOnce = () =>
      store.tx(async (tx) => {
        const events = eventsOf ? await eventsOf(tx) : given;
        const last = events.at(-1);
        const at = { id: attempt.id, lease: attempt.lease, lastSequence: sequence };
        if (await tx.attempts.advance(at, { ...patch, updatedAt: clock.now() }, ...events)) {
          for (const belonging of alongside) await belonging(tx);
          return events;
        }
        const now = await tx.attempts.find(attempt.id);
        const ours = now?.lease.epoch === attempt.lease.epoch && now.lease.owner === attempt.lease.owner;
        const written = last === undefined ? patch.state === now?.state : now?.lastSequence === last.sequence;
        if (!ours || !written) throw lost;
        return events;
      });
    using limit = timeLimit(clock, patienceMs);
    const written = await (isHasty ? writeOnce() : retrying(clock, limit.signal, writeOnce));
    sequence = written.at(-1)?.sequence ?? sequence;
    for (const event of written) deps.progress.publish(event);
  }

  function eventOf(type: EventType, at: number, offset: number, note: Note & { readonly errorDetail?: string }): ProgressEvent {
    const { alongside: _alongside, ...shown } = note;
    return { attemptId: attempt.id, sequence: sequence + 1 + offset, type, at, ...shown };
  }

  async function writeLines(lines: readonly Line[]): Promise<void> {
    const steps = lines.filter(({ next }) => next !== undefined).length;
    const end = lines.find(({ next }) => next === "end");
    try {
      await write({
        patch: { cursor: cursor + steps, ...(end ? { state: "COMPLETED", outcome: end.note.outcome } : {}) },
        events: lines.map(({ type, at, note }, index) => eventOf(type, at, index, note)),
        alongside: lines.flatMap(({ note }) => note.alongside ?? []),
      });
    } catch (error) {
      throw end && isStoreAway(error) ? new OutcomeUnknown(toDomainError(error)) : error;
    }
    cursor += steps;
    for (const { written } of lines) written.resolve();
    if (end) deps.onCommit();
  }

  /** Writes what waits: all of it together, else each alone, so that those before one that is refused stand. */
  async function flush(): Promise<void> {
    const lines = waiting;
    waiting = [];
    if (lines.length > 1 && (await areWritten(lines))) return;
    for (const line of lines) await writeAlone(line);
  }

  async function areWritten(lines: readonly Line[]): Promise<boolean> {
    if (failure) return false;
    try {
      await writeLines(lines);
      return true;
    } catch (error) {
      if (!isOfOneLine(error)) failure = { error };
      return false;
    }
  }

  /** After a line that could not be written no later one is. */
  async function writeAlone(line: Line): Promise<void> {
    if (!failure) await writeLines([line]).catch((error: unknown) => (failure = { error }));
    if (failure) line.written.reject(failure.error);
  }

  /** False where writing each line alone cannot help. */
  function isOfOneLine(error: unknown): boolean {
    return error !== lost && !isStoreAway(error) && !(error instanceof OutcomeUnknown);
  }

  function add(type: EventType, note: Note, next?: Then): Promise<void> {
    const line: Line = { type, at: clock.now(), note, next, written: Promise.withResolvers() };
    waiting = [...waiting, line];
    if (next !== "early step") void inTurn(flush);
    else if (waiting.length === 1) void clock.sleep(holdMs).then(() => inTurn(flush));
    return line.written.promise;
  }

  return {
    report: (type, note) => add(type, note),
    alone: (work) =>
      inTurn(async () => {
        if (failure) throw failure.error;
        await write({ patch: {}, alongside: [work] }).catch((error: unknown) => {
          if (isStoreAway(error)) failure = { error };
          throw error;
        });
      }),
    recorded: async (type, note, next) => {
      if (inserted > 0) inserted -= 1;
      else await add(type, note, next);
    },
    unwinding: (why) =>
      inTurn(async () => {
        await flush();
        // Without an error of its own, an attempt that is interrupted while it is being held was interrupted.
        const error = why instanceof Held ? undefined : why;
        if (error?.cause instanceof OutcomeUnknown) throw error.cause.failure;
        if (attempt.state === "UNWINDING" || attempt.state === "STUCK") return;
        const isAway = isStoreAway(error) || isStoreAway(failure?.error);
        await write({ patch: { state: "UNWINDING", ...(error ? { error } : {}) }, isHasty: isAway }).catch((failed: unknown) => {
          // A process that has lost the attempt takes back all the same: what it did last may be later than the new owner's undo.
          if (failed !== lost && !isStoreAway(failed)) throw failed;
        });
      }),
    held: (why, leftovers) =>
      inTurn(async () => {
        if (!(why instanceof HeldForApproval)) throw why;
        const { id, serviceId } = attempt;
        for (const leftover of leftovers) deps.log("error", "attempt.undo-failed", { attempt: id, service: serviceId, error: leftover });
        const holding = write({
          patch: { state: "COMPLETED", outcome: "PENDING_APPROVAL" },
          eventsOf: async (tx) => {
            const written = await tx.attempts.events(id, sequence);
            // The answer of a first try was lost.
            if (written.length > 0) return written;
            const ask = await why.ask(tx);
            const detail = { attempt_id: id, approval_id: ask.approvalId };
            await tx.audit.append({ subject: subjectOf(serviceId), at: clock.now(), actor: serverKey, action: "REGISTRATION_HELD", detail });
            if (leftovers.length > 0) await tx.tasks.insert(withdrawTask, { id, payload: { registrationIds: [], trial: { serviceId, attemptId: id } } });
            return heldEvents(ask, { attemptId: id, after: sequence, at: clock.now() });
          },
        });
        await holding.catch((error: unknown) => {
          throw isStoreAway(error) ? new OutcomeUnknown(toDomainError(error)) : error;
        });
        deps.onCommit();
      }),
    ended: (error, leftovers) =>
      inTurn(async () => {
        const stuck = leftovers.length > 0;
        const state = stuck ? "STUCK" : "ROLLED_BACK";
        for (const leftover of leftovers) deps.log("error", "attempt.undo-failed", { attempt: attempt.id, service: attempt.serviceId, error: leftover });
        const message = stuck ? "registration failed; what it left is still being taken back" : "registration failed and was rolled back";
        // A STUCK attempt has failed in sight of all, and what is tried again in vain is no change.
        const isShown = attempt.state === "STUCK";
        const failed = isShown ? [] : [eventOf("FAILED", clock.now(), 0, { message, errorDetail: detailOf(error) })];
        const detail = { attempt_id: attempt.id, reason: error.reason, state };
        const audit = { subject: subjectOf(attempt.serviceId), at: clock.now(), actor: serverKey, action: "REGISTRATION_FAILED", detail } as const;
        try {
          await write({ patch: { state, error }, events: failed, alongside: state === attempt.state ? [] : [(tx) => tx.audit.append(audit)] });
        } catch (storeError) {
          if (isShown || !isStoreAway(storeError)) throw storeError;
          for (const event of failed) deps.progress.publish(event);
          deps.log("error", "attempt.failure-not-recorded", { attempt: attempt.id, error: storeError });
        }
      }),
  };
}

/** What FAILED says: the reason's name, then the text, then the bad fields that are not in it. */
function detailOf(error: DomainError): string {
  const fields = error.fields
    .map(({ field, description }: FieldViolation) => `${field} ${description}`)
    .filter((text) => !error.message.includes(text))
    .join("; ");
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
export class OutcomeUnknown extends Error {
  readonly failure: DomainError;
  constructor(failure: DomainError) {
    super("the outcome of the commit is unknown");
    this.failure = failure;
  }
}
