/** What happens to requests by itself: timers, and candidates that are resolved again when people change. */
import type { LoopSpec } from "../kernel/loop.ts";
import type { TaskKind } from "../kernel/task-kind.ts";
import { change, tickAt } from "./change.ts";
import type { ApprovalDeps } from "./deps.ts";
import type { Approval } from "./request.ts";
import { standInEnd } from "./stand-ins.ts";
import { tickTask, type TickPayload } from "./tick-task.ts";
import { peopleVersion } from "./world.ts";

const batch = 100;
const everyMs = 1_000;

/** It never gives up: a request that nobody decides must end. */
export function approvalTasks(deps: ApprovalDeps): readonly TaskKind[] {
  const kind: TaskKind<TickPayload> = { ...tickTask, limitMs: 30_000, run: (payload) => changeOne(deps, payload) };
  const ended: TaskKind<{ readonly tenant: string }> = {
    ...standInEnd,
    limitMs: 10_000,
    run: ({ tenant }) => deps.store.tx((tx) => tx.standIns.touch(tenant)),
  };
  return [kind, ended];
}

/** What is due in a request, and its candidates brought up to date, unless it is gone. */
function changeOne(deps: ApprovalDeps, { tenant, approvalId, dueAt }: TickPayload): Promise<void> {
  return deps.store.tx(async (tx) => {
    const locked = await tx.approvals.lock(tenant, approvalId);
    if (!locked) return;
    await change(tx, deps, locked, unchanged, { isInTime: false });
    // The clock was put back since the task was due: nothing else would look at the request in time.
    if (dueAt !== undefined && locked.now < dueAt) await tickAt(tx, deps, { tenant, approvalId, dueAt }, locked.now);
  });
}

/** Both happen before any command. */
const unchanged = (approval: Approval) => ({ approval, events: [] });

/** Resolves candidates again of open requests that an older version of directory or stand-ins has resolved. */
export function refreshLoop(deps: ApprovalDeps, tenants: () => readonly string[]): LoopSpec {
  const done = new Map<string, number>();
  return {
    name: "approvals-refresh",
    everyMs,
    async round() {
      const changes = await deps.store.tx((tx) => tx.standIns.versions());
      for (const tenant of new Set([...tenants(), ...changes.keys()])) {
        const version = peopleVersion(deps.directory(tenant), changes.get(tenant) ?? 0);
        if (done.get(tenant) === version) continue;
        const ids = await deps.store.tx((tx) => tx.approvals.outdated(tenant, version, batch));
        for (const approvalId of ids) await changeOne(deps, { tenant, approvalId });
        if (ids.length === batch) return true;
        done.set(tenant, version);
      }
      return false;
    },
  };
}
