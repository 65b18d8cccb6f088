/** The vocabulary of approvals: what a policy says, what a request is, who votes. Plain data; times are epoch milliseconds. */
import type { JsonObject } from "../kernel/json.ts";

export const verdicts = ["approve", "reject", "abstain", "request_changes"] as const;
export type Verdict = (typeof verdicts)[number];

/** Whom a requirement names: the union of the four, each person once. */
export interface Who {
  /** Principal keys (`issuer|subject`), or aliases: logins and e-mail addresses, in ASCII lower case. */
  readonly users: readonly string[];
  readonly groups: readonly string[];
  /** Roles of the claims, not those that decide on methods. */
  readonly roles: readonly string[];
  /** A CEL expression whose value is a list of strings: users as above, `group:NAME` or `role:NAME`. */
  readonly expr?: string;
}

/** How many must approve: a count, a share of those who are resolved in whole percent, or all of them. */
export type Need = { readonly count: number } | { readonly percent: number } | "all";

export interface RequirementRule {
  readonly id: string;
  /** CEL; it applies where the expression is true, or fails. */
  readonly when?: string;
  readonly who: Who;
  readonly need: Need;
  /** Rejections that reject the stage. */
  readonly veto: number;
}

/** What happens by itself while a stage is active, `afterMs` after it became so; each once. */
export type TimedAction =
  | { readonly afterMs: number; readonly do: "remind" | "reject" }
  | { readonly afterMs: number; readonly do: "escalate"; readonly to: Who };

export interface StageRule {
  readonly id: string;
  readonly when?: string;
  readonly requirements: readonly RequirementRule[];
  readonly after: readonly TimedAction[];
}

/** The first rule that holds decides at once; an expression that fails does not hold. */
export interface RouteRule {
  readonly id: string;
  readonly when: string;
  readonly then: "approve" | "reject";
  readonly reason?: string;
}

/** A policy with its defaults written out. */
export interface PolicyDocument {
  readonly key: string;
  /** The type of the subjects it is for. */
  readonly subject: string;
  /** JSON Schema of a request's context; without it any object is taken. */
  readonly context?: JsonObject;
  readonly ttlMs: number;
  readonly route: readonly RouteRule[];
  readonly stages: readonly StageRule[];
  readonly onUnsatisfiable: "reject" | "expire" | { readonly escalate: Who };
  readonly onExpire: "expire" | "reject" | "approve";
  /** The scope in which a person counts once. */
  readonly distinctPeople: "stage" | "request" | "requirement";
  readonly requesterMayVote: boolean;
  /** A vote counts only so long after its voter logged in; undefined: however long. */
  readonly reauthMs?: number;
  /** Verdicts that need a comment. */
  readonly reasonRequired: readonly Verdict[];
  readonly effect: { readonly auto: boolean; readonly grantTtlMs?: number };
}

/** What CEL sees: the members of the context by their names, and these three. */
export interface Scope {
  readonly context: JsonObject;
  readonly subject: Subject;
  readonly requester: { readonly key: string; readonly name: string };
}

/** The value of an expression, or why there is none. */
export type Evaluated<T> = { readonly value: T } | { readonly failure: string };

/** A policy document that can be applied: its expressions are compiled. */
export interface Policy {
  readonly document: PolicyDocument;
  readonly version: number;
  /** SHA-256 of the document in canonical form, hex. */
  readonly digest: string;
  holds(expression: string, scope: Scope): Evaluated<boolean>;
  people(expression: string, scope: Scope): Evaluated<readonly string[]>;
}

/** What a request is about. */
export interface Subject {
  readonly type: string;
  readonly id: string;
  /** Of the content that is decided upon, as its owner computes it. */
  readonly digest: string;
}

/** A person or program, as credentials or the directory have it. */
export interface Person {
  /** `issuer|subject`. */
  readonly key: string;
  readonly name: string;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
  /** Epoch milliseconds: when the person last logged in; only credentials say so, and not all of them. */
  readonly authenticatedAt?: number;
}

/** A person of the directory. */
export interface Member extends Person {
  /** Further keys, logins and e-mail addresses of the same person. */
  readonly aliases: readonly string[];
  readonly isEnabled: boolean;
}

/** One version of who exists in a tenant. */
export interface Directory {
  readonly version: number;
  readonly members: readonly Member[];
  /** The longest time for which somebody may have a stand-in, in milliseconds. */
  readonly standInMaxMs?: number;
}

/** `from` lets `to` vote instead, within the limits and until `until`. */
export interface StandIn {
  readonly id: string;
  readonly from: Person;
  readonly to: string;
  /** Keys of policies; empty for all. */
  readonly policies: readonly string[];
  readonly since: number;
  readonly until: number;
}
