import type { TaskType } from "../kernel/task-kind.ts";

/** Send an endpoint, in order, the events of one request that it still has to be sent. */
export const seriesTask: TaskType<{ readonly endpointId: string; readonly approvalId: string; readonly taskId: string }> = {
  kind: "webhook-series",
  parse: (json) => texts(json, ["endpointId", "approvalId", "taskId"]),
};

/** Send one delivery once. */
export const sendTask: TaskType<{ readonly tenant: string; readonly deliveryId: string }> = {
  kind: "webhook-send",
  parse: (json) => texts(json, ["tenant", "deliveryId"]),
};

/** Give an endpoint again what the log has after a position and since a time. */
export const replayTask: TaskType<{ readonly tenant: string; readonly endpointId: string; readonly since: number; readonly after: number }> = {
  kind: "webhook-replay",
  parse(json) {
    const { since, after = 0 } = (json ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof since !== "number" || typeof after !== "number") throw new Error("a task has since, a number, which this payload does not");
    return { ...texts(json, ["tenant", "endpointId"]), since, after };
  },
};

function texts<K extends string>(json: unknown, names: readonly K[]): Readonly<Record<K, string>> {
  const given = (json ?? {}) as Readonly<Record<string, unknown>>;
  const missing = names.find((name) => typeof given[name] !== "string");
  if (missing !== undefined) throw new Error(`a task has ${missing}, which this payload does not`);
  return Object.fromEntries(names.map((name) => [name, given[name]])) as Record<K, string>;
}
