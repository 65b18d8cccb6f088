/**
 * A request for approval: its document, and the events by which it changes. The document is the fold of its events
 * (`evolve.ts`); only `machine.ts` makes events.
 */
import type { JsonObject } from "../kernel/json.ts";
import type { Need, StageRule, Subject, Verdict, Who } from "./types.ts";

export const decisions = ["PENDING", "IN_REVIEW", "CHANGES_REQUESTED", "APPROVED", "REJECTED", "EXPIRED", "CANCELLED"] as const;
/** PENDING: the directory is not known yet. The last four are final. */
export type Decision = (typeof decisions)[number];

export const closings = ["withdrawn", "cancelled", "superseded", "subject_gone", "unsatisfiable"] as const;
/** Why a request is CANCELLED. */
export type Closing = (typeof closings)[number];

export const grants = ["NONE", "VALID", "USED", "EXPIRED", "REVOKED", "SUPERSEDED"] as const;
/** What the approval entitles to. */
export type Grant = (typeof grants)[number];

export const effects = ["NONE", "READY", "RUNNING", "APPLIED", "FAILED", "UNKNOWN"] as const;
/** What happens once because of the approval. */
export type Effect = (typeof effects)[number];

/** A person in a request. */
export interface Party {
  /** The person's key; that of the directory where it has one. */
  readonly key: string;
  readonly name: string;
  /** Every key, login and address by which the person is known, `key` among them. */
  readonly identities: readonly string[];
}

/** Somebody who could vote when the requirement was resolved. */
export interface Candidate {
  /** A key, or an alias that no directory resolves. */
  readonly key: string;
  readonly name: string;
  /** Whose places the person takes as a stand-in. */
  readonly standsInFor: readonly string[];
}

export interface Requirement {
  readonly id: string;
  readonly need: Need;
  readonly veto: number;
  /** With the values of its expression, and what escalations and reassignments added. */
  readonly who: Who;
  /** Who could vote; undefined where `who` names groups or roles that no directory lists. */
  readonly candidates?: readonly Candidate[];
  /** Identities of those whose place was reassigned. */
  readonly replaced: readonly string[];
}

export type StageStatus = "WAITING" | "ACTIVE" | "SATISFIED" | "REJECTED" | "SKIPPED" | "CLOSED";

export interface Stage {
  readonly id: string;
  readonly status: StageStatus;
  readonly activeSince?: number;
  readonly requirements: readonly Requirement[];
  readonly after: StageRule["after"];
  /** Indices of `after` that were carried out. */
  readonly done: readonly number[];
  /** It was escalated because it could not be satisfied. */
  readonly isEscalated: boolean;
  /** It was reported that it cannot be satisfied at present. */
  readonly isUnsatisfiable: boolean;
}

/** One person's current vote in a stage. */
export interface Vote {
  readonly stage: string;
  readonly revision: number;
  readonly voter: Party;
  readonly verdict: Verdict;
  readonly comment: string;
  readonly at: number;
  /** The requirements that it counts for. */
  readonly requirements: readonly string[];
  /** Keys of those for whom it was cast by a stand-in; empty for a vote in the voter's own right. */
  readonly standsInFor: readonly string[];
}

/** By whom something was done: a person, or `timer` and `route:<id>` for what happens by itself. */
export interface Outcome {
  readonly at: number;
  readonly by: string;
  readonly reason: string;
}

export interface Approval {
  readonly id: string;
  readonly tenant: string;
  readonly policy: { readonly key: string; readonly version: number; readonly digest: string };
  readonly subject: Subject;
  /** From 1. A new digest of the same subject is a new revision. */
  readonly revision: number;
  readonly context: JsonObject;
  /** Everybody who asked; the first opened the request. */
  readonly requesters: readonly Party[];
  readonly onBehalfOf?: Party;
  /** What it grants has effect at once, and stands until it is revoked or superseded. */
  readonly isStanding?: boolean;
  /** Who gave the current revision. */
  readonly author: Party;
  readonly requesterMayVote: boolean;
  readonly decision: Decision;
  readonly closing?: Closing;
  readonly outcome?: Outcome;
  readonly grant: Grant;
  /** When a VALID grant expires; none means never. */
  readonly grantUntil?: number;
  readonly effect: Effect;
  readonly openedAt: number;
  readonly expiresAt: number;
  readonly stages: readonly Stage[];
  readonly votes: readonly Vote[];
  /** The version of the directory by which candidates were resolved; 0 without one. */
  readonly directoryVersion: number;
  /** The number of its events; also the version for compare-and-swap. */
  readonly sequence: number;
}

/** What a policy makes of a request: its stages, or a decision at once. */
export interface Routed {
  readonly policy: Approval["policy"];
  readonly requesterMayVote: boolean;
  readonly expiresAt: number;
  readonly stages: readonly Stage[];
}

export type ApprovalChange =
  | ({
      readonly type: "request_created";
      readonly id: string;
      readonly tenant: string;
      readonly subject: Subject;
      readonly context: JsonObject;
      readonly requester: Party;
      readonly onBehalfOf?: Party;
      readonly isStanding?: boolean;
    } & Routed)
  | { readonly type: "requester_joined"; readonly requester: Party }
  | ({ readonly type: "revision_added"; readonly digest: string; readonly context: JsonObject; readonly author: Party } & Routed)
  | { readonly type: "expression_failed"; readonly where: string; readonly failure: string }
  | { readonly type: "stage_started"; readonly stage: string }
  | { readonly type: "stage_skipped"; readonly stage: string }
  | { readonly type: "stage_completed"; readonly stage: string; readonly status: "SATISFIED" | "REJECTED" }
  | {
      readonly type: "approvers_resolved";
      readonly stage: string;
      readonly directoryVersion: number;
      readonly candidates: Readonly<Record<string, readonly Candidate[] | null>>;
    }
  | { readonly type: "directory_pending" }
  | ({ readonly type: "vote_recorded" } & Omit<Vote, "at" | "revision">)
  | { readonly type: "changes_requested"; readonly reason: string }
  | { readonly type: "review_resumed" }
  | { readonly type: "reminded"; readonly stage: string; readonly action: number }
  | { readonly type: "escalated"; readonly stage: string; readonly action?: number; readonly to: Who }
  | { readonly type: "reassigned"; readonly stage: string; readonly requirement: string; readonly from: Party; readonly to: Party; readonly reason: string }
  | { readonly type: "unsatisfiable"; readonly stage: string; readonly requirements: readonly string[]; readonly detail: string }
  | {
      readonly type: "request_approved" | "request_rejected" | "request_expired";
      readonly reason: string;
      readonly grantUntil?: number;
      readonly hasEffect?: boolean;
    }
  | { readonly type: "request_cancelled"; readonly closing: Closing; readonly reason: string }
  | { readonly type: "grant_changed"; readonly grant: Exclude<Grant, "NONE" | "VALID">; readonly reason: string; readonly isEvicting?: boolean }
  | { readonly type: "effect_changed"; readonly effect: Exclude<Effect, "NONE">; readonly detail: string };

/** One event of a request. */
export type ApprovalEvent = ApprovalChange & {
  /** From 1, without gaps within the request. */
  readonly sequence: number;
  readonly at: number;
  /** A person's key, `timer`, `route:<rule>` or `muster`. */
  readonly actor: string;
};

export const openDecisions: readonly Decision[] = ["PENDING", "IN_REVIEW", "CHANGES_REQUESTED"];
const open: ReadonlySet<Decision> = new Set(openDecisions);

/** True until the decision is final. */
export function isOpen({ decision }: Pick<Approval, "decision">): boolean {
  return open.has(decision);
}

export function activeStage({ stages }: Pick<Approval, "stages">): Stage | undefined {
  return stages.find(({ status }) => status === "ACTIVE");
}
