import type { TaskType } from "../kernel/task-kind.ts";

/** Do what is due in a request: remind, escalate, reject, expire. */
export const tickTask: TaskType<{ readonly tenant: string; readonly approvalId: string }> = {
  kind: "approval-tick",
  parse(json) {
    const { tenant, approvalId } = (json ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof tenant !== "string" || typeof approvalId !== "string")
      throw new Error("an approval-tick task has tenant and approvalId, which this payload does not");
    return { tenant, approvalId };
  },
};
