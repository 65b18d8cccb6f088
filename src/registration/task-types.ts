/** The names of registration's work after a commit, and the form of its payloads. */
import type { TaskType } from "../kernel/task-kind.ts";
import type { Withdrawal } from "./withdraw.ts";

/** Take what an unregistered key left out of the catalog and the schema registry. */
export const withdrawTask: TaskType<Withdrawal> = {
  kind: "withdraw",
  parse(json) {
    const ids = fieldOf(json, "registrationIds");
    const trial = trialOf(fieldOf(json, "trial"));
    if (!Array.isArray(ids) || (ids.length === 0 && !trial) || !ids.every((id) => typeof id === "string")) throw notA("withdraw", "registrationIds");
    return { registrationIds: ids, ...(trial ? { trial } : {}) };
  },
};

/** Bring the catalog's entry of a registration up to the record. */
export const showTask: TaskType<{ readonly registrationId: string }> = {
  kind: "show",
  parse: (json) => ({ registrationId: registrationIdOf("show", json) }),
};

export interface Displacement {
  readonly registrationId: string;
  /** Looked at also when nothing else is registered at its address: what answers there waits for an approval. */
  readonly isAlone?: boolean;
}

/** End what is registered where the module of this registration answers now. */
export const displaceTask: TaskType<Displacement> = {
  kind: "displace",
  parse: (json) => ({ registrationId: registrationIdOf("displace", json), ...(fieldOf(json, "isAlone") === true ? { isAlone: true } : {}) }),
};

/** Begin the attempt of an instance whose content was approved. */
export const beginTask: TaskType<{ readonly approvalId: string; readonly serviceId: string; readonly generation: number }> = {
  kind: "begin-attempt",
  parse(json) {
    const [approvalId, serviceId, generation] = [fieldOf(json, "approvalId"), fieldOf(json, "serviceId"), fieldOf(json, "generation")];
    if (typeof approvalId !== "string" || typeof serviceId !== "string" || typeof generation !== "number")
      throw notA("begin-attempt", "approvalId, serviceId and generation");
    return { approvalId, serviceId, generation };
  },
};

function trialOf(json: unknown): Withdrawal["trial"] {
  const [serviceId, attemptId] = [fieldOf(json, "serviceId"), fieldOf(json, "attemptId")];
  return typeof serviceId === "string" && typeof attemptId === "string" ? { serviceId, attemptId } : undefined;
}

function registrationIdOf(kind: string, json: unknown): string {
  const registrationId = fieldOf(json, "registrationId");
  if (typeof registrationId !== "string" || registrationId === "") throw notA(kind, "registrationId");
  return registrationId;
}

function fieldOf(json: unknown, name: string): unknown {
  return typeof json === "object" && json !== null ? (json as Readonly<Record<string, unknown>>)[name] : undefined;
}

function notA(kind: string, field: string): Error {
  return new Error(`a ${kind} task has ${field}, which this payload does not`);
}
