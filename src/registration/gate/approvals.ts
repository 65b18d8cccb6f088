/** What the gate needs of approvals. The composition root joins the two. */
import type { RegistrationTx } from "../records.ts";
import type { Context } from "./content.ts";

/** The policy by which registrations are decided. */
export const gatePolicyKey = "registration";

/** One version of that policy. */
export interface GatePolicy {
  readonly version: number;
  /** Names of the context that its expressions read, sorted; undefined: any. */
  readonly reads: readonly string[] | undefined;
  /** What it makes of a content that is registered by `actor`. */
  way(subject: SubjectOfGate, context: Context, actor: string): Way;
}

export interface SubjectOfGate {
  /** `name@version` */
  readonly id: string;
  readonly digest: string;
}

export interface Way {
  /** The same for contents that the same rule decides, or the same requirements. */
  readonly name: string;
  readonly decides: "approve" | "reject" | "people";
  readonly reason: string;
}

/** An open request for a version of a name. */
export interface OpenRequest {
  readonly id: string;
  readonly digest: string;
  readonly policyVersion: number;
  readonly context: Context;
}

/** Why people, or a rule, do not let a content go live. */
export interface Refusal {
  readonly approvalId: string;
  readonly is: "rejected" | "revoked";
  readonly by: string;
  readonly reason: string;
}

/** A content to be asked about, with what this transaction has found before. */
export interface Asking {
  readonly subject: SubjectOfGate;
  readonly context: Context;
  readonly actor: string;
  readonly traceparent: string | undefined;
  /** The active version. */
  readonly policyVersion: number;
  readonly open: OpenRequest | undefined;
}

/** A request as those are shown it who wait for it. */
export interface Asked {
  readonly id: string;
  readonly isOpen: boolean;
  /** Why the policy rejected it as it was asked; undefined when it did not. */
  readonly rejection: string | undefined;
  /** Id, policy, stage, who can decide, when it ends. */
  readonly shown: Readonly<Record<string, string>>;
}

/** Something that happened to a request, with the state after it. */
export interface DecisionNews {
  readonly at: number;
  readonly message: string;
  readonly decision: "open" | "approved" | "rejected" | "ended";
  /** Of the content that it is about now. */
  readonly digest: string;
  readonly by: string;
  readonly reason: string;
  readonly shown: Readonly<Record<string, string>>;
}

export interface GateApprovals {
  /** The active version of the policy; undefined when there is none. */
  active(tx: RegistrationTx): Promise<GatePolicy | undefined>;
  version(tx: RegistrationTx, version: number): Promise<GatePolicy>;
  /** Locks it until the transaction ends. */
  findOpen(tx: RegistrationTx, subjectId: string): Promise<OpenRequest | undefined>;
  /** The latest decision on this content, under this version of the policy, when it is no. */
  refusalOf(tx: RegistrationTx, subject: SubjectOfGate, policyVersion: number): Promise<Refusal | undefined>;
  /**
   * Asks for this content: joins the open request of the same digest, makes it a revision of the open request of another one,
   * or opens one. Rejects with CONTEXT_INVALID when the policy's schema does not take the context.
   */
  ask(tx: RegistrationTx, asking: Asking): Promise<Asked>;
  /** Another person asks for what the request is about; undefined when it has ended. */
  join(tx: RegistrationTx, approvalId: string, actor: string): Promise<Asked | undefined>;
  /** Ends the request if it is open and nobody asks any more; `isGone` says so when the request is locked, as it is for whoever joins it. */
  gone(tx: RegistrationTx, approvalId: string, isGone: () => Promise<boolean>): Promise<void>;
  /** What happens to a request from now on, its present state first; ends with its decision. */
  follow(approvalId: string, signal: AbortSignal): AsyncGenerator<DecisionNews>;
}
