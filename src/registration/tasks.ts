/** Registration's work after a commit. */
import type { TaskKind, TaskType } from "../kernel/task-kind.ts";
import type { RegistrationPorts } from "./attempts/attempt-context.ts";
import { displaceOthers, type DisplaceDeps } from "./displace.ts";
import { showEntry } from "./reconcile/show-entry.ts";
import { beginApproved, type BeginDeps } from "./gate/begin-attempt.ts";
import { beginTask, displaceTask, showTask, withdrawTask } from "./task-types.ts";
import { withdraw } from "./withdraw.ts";

/**
 * None gives up: only a withdrawal releases schema versions, tags are shown at once only by their task, and who answers at an
 * address is found out in the end, or its registration ends otherwise.
 */
export function registrationTasks(deps: DisplaceDeps & BeginDeps & { readonly ports: RegistrationPorts }): readonly TaskKind[] {
  const { ports } = deps;
  return [
    taskKind(withdrawTask, (payload, signal) => withdraw(ports, payload, signal)),
    taskKind(showTask, async ({ registrationId }, signal) => void (await showEntry(ports, registrationId, signal))),
    taskKind(beginTask, (payload, signal) => beginApproved(deps, payload, signal)),
    taskKind(displaceTask, (payload, signal) => displaceOthers(deps, payload, signal)),
  ];
}

function taskKind<P>(type: TaskType<P>, run: TaskKind<P>["run"]): TaskKind<P> {
  return { ...type, limitMs: 30_000, run };
}
