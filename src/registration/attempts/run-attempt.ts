/** Runs attempts as background work of this process: the stream that asked for one only follows it. */
import { serverKey } from "../../kernel/caller.ts";
import { DomainError, toDomainError } from "../../kernel/errors.ts";
import { runSaga, unwind, type Saga, type SagaProbe } from "../../kernel/saga.ts";
import type { AttemptContext, Note, RegistrationPorts } from "./attempt-context.ts";
import { contextOf } from "./work.ts";
import { createJournal, type JournalDeps } from "./journal.ts";
import type { Attempt } from "../records.ts";
import type { Progress } from "./progress.ts";
import { stepsOf } from "./service-types.ts";
import type { EventType } from "../types.ts";

export interface RunnerDeps extends JournalDeps {
  readonly ports: RegistrationPorts;
  readonly progress: Progress;
  readonly probe?: SagaProbe | undefined;
  /** Called once for every attempt that begins here. */
  readonly onBegin?: (attempt: Attempt) => void;
  /**
   * Called exactly once for every attempt that began here, when this process is done with it; and each time one of
   * another owner was taken over and unwound here. `error` is absent only when it completed.
   */
  readonly onEnd?: (attempt: Attempt, error: DomainError | undefined, outcome: AttemptOutcome) => void;
}

/** `abandoned`: its end could not be recorded here, so that another owner, or a later look, brings it about. */
export type AttemptOutcome = "completed" | "failed" | "abandoned";

type RegistrationSaga = Saga<AttemptContext, EventType, Note>;

/** Runs a fresh attempt, of a caller with this share, to its end. Never rejects. */
export async function runAttempt(deps: RunnerDeps, attempt: Attempt, share: string, signal: AbortSignal): Promise<void> {
  deps.onBegin?.(attempt);
  await settle(deps, attempt, share, async (saga) => runSaga(saga, signal));
}

/** Takes back what an attempt of a former owner left, recorded or not. Never rejects. */
export async function unwindAttempt(deps: RunnerDeps, attempt: Attempt, why: DomainError): Promise<void> {
  await settle(deps, attempt, serverKey, async (saga) => {
    const error = attempt.error ? new DomainError(attempt.error) : why;
    await unwind(saga, error);
    return error;
  });
}

async function settle(deps: RunnerDeps, attempt: Attempt, share: string, work: (saga: RegistrationSaga) => Promise<DomainError | undefined>): Promise<void> {
  const { error, outcome } = await endOf(() => work(sagaOf(deps, attempt, share)));
  const about = { attempt: attempt.id, service: attempt.serviceId };
  if (outcome === "abandoned") {
    deps.log("error", "attempt.abandoned", { ...about, error });
    deps.progress.abandon(attempt.id, error);
  } else {
    const ms = deps.ports.clock.now() - attempt.createdAt;
    deps.log(error ? "warn" : "info", "attempt.ended", { ...about, type: attempt.type, outcome, ms, reason: error?.reason, error });
  }
  deps.onEnd?.(attempt, error, outcome);
}

type End =
  | { readonly outcome: "abandoned"; readonly error: DomainError }
  | { readonly outcome: "completed" | "failed"; readonly error: DomainError | undefined };

async function endOf(work: () => Promise<DomainError | undefined>): Promise<End> {
  try {
    const error = await work();
    return { outcome: error ? "failed" : "completed", error };
  } catch (error) {
    return { outcome: "abandoned", error: toDomainError(error) };
  }
}

function sagaOf(deps: RunnerDeps, attempt: Attempt, share: string): RegistrationSaga {
  const journal = createJournal(deps, attempt);
  const { context, endWork } = contextOf(deps.ports, attempt, share, journal);
  return { steps: stepsOf(attempt), context, journal, clock: deps.ports.clock, endAhead: endWork, probe: deps.probe };
}
