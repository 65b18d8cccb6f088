/** Registration's work after a commit. */
import type { TaskKind, TaskType } from "../kernel/task-kind.ts";
import type { RegistrationPorts } from "./attempts/attempt-context.ts";
import { showEntry } from "./reconcile/show-entry.ts";
import { withdraw, type Withdrawal } from "./withdraw.ts";

/** Take what an unregistered key left out of the catalog and the schema registry. */
export const withdrawTask: TaskType<Withdrawal> = {
  kind: "withdraw",
  parse(json) {
    const ids = fieldOf(json, "registrationIds");
    if (!Array.isArray(ids) || ids.length === 0 || !ids.every((id) => typeof id === "string")) throw notA("withdraw", "registrationIds");
    return { registrationIds: ids };
  },
};

/** Bring the catalog's entry of a registration up to the record. */
export const showTask: TaskType<{ readonly registrationId: string }> = {
  kind: "show",
  parse(json) {
    const registrationId = fieldOf(json, "registrationId");
    if (typeof registrationId !== "string" || registrationId === "") throw notA("show", "registrationId");
    return { registrationId };
  },
};

/** Neither gives up: only a withdrawal releases schema versions, and tags are shown at once only by their task. */
export function registrationTasks(ports: RegistrationPorts): readonly TaskKind[] {
  return [
    taskKind(withdrawTask, (payload, signal) => withdraw(ports, payload, signal)),
    taskKind(showTask, ({ registrationId }, signal) => showEntry(ports, registrationId, signal)),
  ];
}

function taskKind<P>(type: TaskType<P>, run: (payload: P, signal: AbortSignal) => Promise<unknown>): TaskKind<P> {
  return { ...type, limitMs: 30_000, run: async (payload, signal) => void (await run(payload, signal)) };
}

function fieldOf(json: unknown, name: string): unknown {
  return typeof json === "object" && json !== null ? (json as Readonly<Record<string, unknown>>)[name] : undefined;
}

function notA(kind: string, field: string): Error {
  return new Error(`a ${kind} task has ${field}, which this payload does not`);
}
