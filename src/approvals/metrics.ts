/** What approvals count and time. The names are those of the runbook that operators know. */
import { unlabelled, type Measures, type Meter, type Metric } from "../kernel/meter.ts";
import type { Log } from "../kernel/log.ts";
import type { ApprovalStore } from "./records.ts";
import { isOpen, type Approval, type ApprovalEvent } from "./request.ts";

const counter = (name: string, help: string) => ({ kind: "counter", name, help, series: unlabelled }) satisfies Metric;

const created = counter("approvals_created_total", "Requests for approval opened here");
const approved = counter("approvals_approved_total", "Requests approved here");
const rejected = counter("approvals_rejected_total", "Requests rejected here");
const expired = counter("approvals_expired_total", "Requests that expired here");
const cancelled = counter("approvals_cancelled_total", "Requests that ended here without a decision");
const pending = { kind: "gauge", name: "approval_pending_gauge", help: "Requests in the store that are not decided", series: unlabelled } satisfies Metric;
const time = {
  kind: "histogram",
  name: "approval_time_seconds",
  help: "From the opening of a request to its decision",
  series: unlabelled,
  buckets: [0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 14_400, 86_400, 604_800],
} satisfies Metric;

const ends = { APPROVED: approved, REJECTED: rejected, EXPIRED: expired, CANCELLED: cancelled } as const;

export function approvalMeasures(store: ApprovalStore): Measures {
  return {
    metrics: [created, approved, rejected, expired, cancelled, pending, time],
    async collect(meter) {
      meter.set(pending, {}, await store.tx((tx) => tx.approvals.countOpen()));
    },
  };
}

export interface ApprovalMeter {
  /** A change was committed here. */
  changed(before: Approval | undefined, after: { readonly approval: Approval; readonly events: readonly ApprovalEvent[] }): void;
}

/** Counts and logs changes after their commit. */
export function approvalMeter(meter: Meter, log: Log): ApprovalMeter {
  return {
    changed(before, { approval, events }) {
      const { id, tenant, decision, policy, outcome } = approval;
      const facts = { approval_id: id, tenant, policy: policy.key };
      if (before === undefined) {
        meter.count(created, {});
        log("info", "approval.created", { ...facts, requester: approval.author.key });
      }
      for (const event of events) {
        if (event.type === "effect_changed") log("info", `approval.effect.${event.effect.toLowerCase()}`, facts);
      }
      if (isOpen(approval) || (before !== undefined && !isOpen(before))) return;
      if (decision === "APPROVED" || decision === "REJECTED" || decision === "EXPIRED" || decision === "CANCELLED") meter.count(ends[decision], {});
      meter.observe(time, {}, ((outcome?.at ?? approval.openedAt) - approval.openedAt) / 1_000);
      log("info", decision === "EXPIRED" ? "approval.expired" : "approval.decided", { ...facts, decision, by: outcome?.by, reason: outcome?.reason });
    },
  };
}
