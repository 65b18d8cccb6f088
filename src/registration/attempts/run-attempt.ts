/** Runs attempts as background work of this process: the stream that asked for one only follows it. */
import { DomainError, toDomainError } from "../../kernel/errors.ts";
import { runSaga, unwind, type Saga, type SagaProbe } from "../../kernel/saga.ts";
import type { AttemptContext, Note, RegistrationPorts } from "./attempt-context.ts";
import { contextOf } from "./context-of.ts";
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
  /** Called once for every attempt that ended here. */
  readonly onEnd?: (attempt: Attempt, error: DomainError | undefined) => void;
}

type RegistrationSaga = Saga<AttemptContext, EventType, Note>;

/** Runs a fresh attempt to its end. Never rejects. */
export async function runAttempt(deps: RunnerDeps, attempt: Attempt, signal: AbortSignal): Promise<void> {
  deps.onBegin?.(attempt);
  await settle(deps, attempt, async (saga) => runSaga(saga, signal));
}

/** Takes back what an attempt of a former owner left, recorded or not. Never rejects. */
export async function unwindAttempt(deps: RunnerDeps, attempt: Attempt, why: DomainError): Promise<void> {
  await settle(deps, attempt, async (saga) => {
    const error = attempt.error ? new DomainError(attempt.error) : why;
    await unwind(saga, error);
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
  const { context, endAhead } = contextOf(deps.ports, attempt, journal);
  return { steps: stepsOf(attempt), context, journal, clock: deps.ports.clock, endAhead, probe: deps.probe };
}
