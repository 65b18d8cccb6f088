/** Runs attempts as background work of this process: the stream that asked for one only follows it. */
import { serverKey } from "../../kernel/caller.ts";
import { DomainError, toDomainError } from "../../kernel/errors.ts";
import { runSaga, unwind, type Saga, type SagaEnd, type SagaProbe } from "../../kernel/saga.ts";
import type { AttemptContext, Note, RegistrationPorts } from "./attempt-context.ts";
import { contextOf } from "./work.ts";
import { createJournal, OutcomeUnknown, type JournalDeps } from "./journal.ts";
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
   * another owner was taken over and unwound here. `error` is absent when it completed, or is held.
   */
  readonly onEnd?: (attempt: Attempt, error: DomainError | undefined, outcome: AttemptOutcome) => void;
}

/** `held`: it waits for an approval. `abandoned`: its end could not be recorded here, so that another owner, or a later look, brings it about. */
export type AttemptOutcome = "completed" | "held" | "failed" | "abandoned";

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

async function settle(deps: RunnerDeps, attempt: Attempt, share: string, work: (saga: RegistrationSaga) => Promise<SagaEnd>): Promise<void> {
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
  | { readonly outcome: "completed" | "held" | "failed"; readonly error: DomainError | undefined };

async function endOf(work: () => Promise<SagaEnd>): Promise<End> {
  try {
    const end = await work();
    if (end === "held") return { outcome: end, error: undefined };
    return { outcome: end ? "failed" : "completed", error: end };
  } catch (error) {
    return { outcome: "abandoned", error: toDomainError(error instanceof OutcomeUnknown ? error.failure : error) };
  }
}

function sagaOf(deps: RunnerDeps, attempt: Attempt, share: string): RegistrationSaga {
  const journal = createJournal(deps, attempt);
  const { context, endWork } = contextOf(deps.ports, attempt, share, journal);
  return { steps: stepsOf(attempt), context, journal, clock: deps.ports.clock, endAhead: endWork, probe: deps.probe };
}
