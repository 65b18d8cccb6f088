import type { TaskType } from "../kernel/task-kind.ts";

export interface TickPayload {
  readonly tenant: string;
  readonly approvalId: string;
  /** For when it was inserted, by the database's clock; earlier versions did not say. */
  readonly dueAt?: number;
}

/** Do what is due in a request: remind, escalate, reject, expire. */
export const tickTask: TaskType<TickPayload> = {
  kind: "approval-tick",
  parse(json) {
    const { tenant, approvalId, dueAt } = (json ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof tenant !== "string" || typeof approvalId !== "string")
      throw new Error("an approval-tick task has tenant and approvalId, which this payload does not");
    return { tenant, approvalId, ...(typeof dueAt === "number" ? { dueAt } : {}) };
  },
};
