/** Text forms of registration attempts; pure. */
import { RegistrationOutcome, ServiceType } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Reason } from "../../../gen/muster/registration/v1/reasons_pb.ts";
import { AttemptState, type Attempt } from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { nameOf } from "../frame/names.ts";
import { msOf } from "./progress-view.ts";
import type { Style } from "../frame/style.ts";
import { pairs, table, type Cell } from "../frame/table.ts";
import { age, took } from "../frame/times.ts";

/**
 * Newest first, as they are given. Of attempts of an instance that follow each other and changed nothing only the newest has a line,
 * with their number. `columns`: the width of the terminal.
 */
export function attemptTable(attempts: readonly Attempt[], nowMs: number, style: Style, columns?: number): string {
  const rows = folded(attempts).map(({ attempt, times }): readonly Cell[] => [
    attempt.attemptId,
    attempt.serviceId,
    nameOf(ServiceType, attempt.type).toLowerCase(),
    attempt.version || "-",
    stateCell(attempt, style),
    age(msOf(attempt.createdAt), nowMs),
    took(tookMs(attempt, nowMs)),
    times === 1 ? outcomeOf(attempt) : `${outcomeOf(attempt)} ×${times}`,
  ]);
  return table({
    heads: ["ATTEMPT", "INSTANCE", "TYPE", "VERSION", "STATE", "AGE", "TOOK", "RESULT"],
    rows,
    bold: style.bold,
    narrow: { drop: ["TYPE", "TOOK", "VERSION", "AGE"], shorten: "INSTANCE" },
    ...(columns === undefined ? {} : { columns }),
  });
}

interface Fold {
  readonly attempt: Attempt;
  readonly times: number;
}

function folded(attempts: readonly Attempt[]): readonly Fold[] {
  const folds: Fold[] = [];
  /** Where the last line of an instance is, as long as it stands for attempts that changed nothing. */
  const open = new Map<string, number>();
  for (const attempt of attempts) {
    const { serviceId, state, outcome } = attempt;
    const isUnchanged = state === AttemptState.COMPLETED && outcome === RegistrationOutcome.UNCHANGED;
    const at = isUnchanged ? open.get(serviceId) : undefined;
    const former = at === undefined ? undefined : folds[at];
    if (at !== undefined && former) {
      folds[at] = { ...former, times: former.times + 1 };
      continue;
    }
    if (isUnchanged) open.set(serviceId, folds.length);
    else open.delete(serviceId);
    folds.push({ attempt, times: 1 });
  }
  return folds;
}

export function attemptDetails(attempt: Attempt, nowMs: number, style: Style): string {
  const at = (ms: number): string => (ms === 0 ? "" : `${new Date(ms).toISOString()}  (${age(ms, nowMs)} ago)`);
  return pairs(
    [
      ["Attempt", attempt.attemptId],
      ["Instance", attempt.serviceId],
      ["Name", attempt.name],
      ["Type", nameOf(ServiceType, attempt.type).toLowerCase()],
      ["Version", attempt.version],
      ["State", stateCell(attempt, style)],
      ["Cancelled", attempt.cancelRequested ? "requested" : ""],
      ["Result", whyOf(attempt)],
      ["By", attempt.actor],
      ["Request id", attempt.requestId],
      ["Began", at(msOf(attempt.createdAt))],
      ["Changed", at(msOf(attempt.updatedAt))],
      ["Took", took(tookMs(attempt, nowMs))],
    ],
    style.dim,
  );
}

const live: readonly AttemptState[] = [AttemptState.RUNNING, AttemptState.UNWINDING];

function tookMs({ state, createdAt, updatedAt }: Attempt, nowMs: number): number {
  return Math.max(0, (live.includes(state) ? nowMs : msOf(updatedAt)) - msOf(createdAt));
}

function stateCell({ state }: Attempt, style: Style): Cell {
  const paint = state === AttemptState.COMPLETED ? style.good : state === AttemptState.STUCK || state === AttemptState.ROLLED_BACK ? style.bad : style.warn;
  return { text: nameOf(AttemptState, state).toLowerCase().replace("_", "-"), paint };
}

function outcomeOf({ state, outcome, errorReason }: Attempt): string {
  if (state === AttemptState.COMPLETED) return nameOf(RegistrationOutcome, outcome).toLowerCase().replace("_", "-");
  return errorReason === Reason.UNSPECIFIED ? "" : nameOf(Reason, errorReason);
}

function whyOf(attempt: Attempt): string {
  const { errorDetail } = attempt;
  const reason = outcomeOf(attempt);
  if (errorDetail === "") return reason;
  return errorDetail.startsWith(reason) ? errorDetail : `${reason}: ${errorDetail}`;
}
