import type { TaskType } from "../kernel/task-kind.ts";

/** Try an event that has failed again. */
export const retryTask: TaskType<{ readonly id: string }> = {
  kind: "inbound-retry",
  parse(json) {
    const { id } = (json ?? {}) as { readonly id?: unknown };
    if (typeof id !== "string") throw new Error("a task has id, which this payload does not");
    return { id };
  },
};

/** For so long after it came, an event that fails is tried again. */
export const retriedForMs = 3_600_000;
export const firstPauseMs = 5_000;
const maxPauseMs = 300_000;

/** Until the try after so many. */
export function pauseMs(tries: number): number {
  return Math.min(firstPauseMs * 2 ** (tries - 1), maxPauseMs);
}
