/** One event of each type that approvals publish. */
import type { ApprovalNews } from "../../src/approvals/events.ts";
import { newsOf } from "../../src/approvals/request-news.ts";
import type { Approval, ApprovalChange, ApprovalEvent, Party, Routed } from "../../src/approvals/request.ts";

const party = (name: string): Party => ({ key: `open|${name}`, name, identities: [`open|${name}`, name] });
const who = { users: ["bob"], groups: [], roles: [] };
const routed: Routed = { policy: { key: "k", version: 1, digest: "p" }, requesterMayVote: false, expiresAt: 2_000, stages: [] };
const subject = { type: "document", id: "x", digest: "d" };
const reason = "because";
const stage = "s";

const changes: readonly ApprovalChange[] = [
  { type: "request_created", id: "1", tenant: "default", subject, context: {}, requester: party("amy"), ...routed },
  { type: "requester_joined", requester: party("ann") },
  { type: "revision_added", digest: "d2", context: {}, author: party("amy"), ...routed },
  { type: "stage_started", stage },
  { type: "stage_skipped", stage },
  { type: "stage_completed", stage, status: "SATISFIED" },
  { type: "approvers_resolved", stage, directoryVersion: 1, candidates: { r: [{ key: "open|bob", name: "bob", standsInFor: [] }], q: null } },
  { type: "vote_recorded", stage, voter: party("bob"), verdict: "approve", comment: 'ß, "日本" = 😀\n\t\\ % ', requirements: ["r"], standsInFor: ["open|cat"] },
  { type: "changes_requested", reason },
  { type: "review_resumed" },
  { type: "reminded", stage, action: 0 },
  { type: "escalated", stage, to: who },
  { type: "reassigned", stage, requirement: "r", from: party("bob"), to: party("cat"), reason },
  { type: "unsatisfiable", stage, requirements: ["r"], detail: reason },
  { type: "request_approved", reason, grantUntil: 3_000, hasEffect: true },
  { type: "request_rejected", reason },
  { type: "request_expired", reason },
  { type: "request_cancelled", closing: "withdrawn", reason },
  { type: "grant_changed", grant: "USED", reason },
  { type: "effect_changed", effect: "APPLIED", detail: "" },
];

const approval = { id: "1", tenant: "default", subject, revision: 1, policy: routed.policy, decision: "IN_REVIEW" } as Approval;
const state = { tenant: "default", key: "k", version: 2, digest: "p", actor: "open|root" };

export const sampleNews: readonly ApprovalNews[] = [
  ...changes.flatMap((change, i) => newsOf({ ...change, sequence: i + 1, at: 1_000, actor: "open|bob" } as ApprovalEvent, approval) ?? []),
  { type: "PolicyActivated", replaced: 1, ...state },
  { type: "PolicyArchived", wasActive: true, ...state },
];
