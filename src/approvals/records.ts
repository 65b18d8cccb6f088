/** What the store keeps for requests. Times are epoch milliseconds by the database's clock. */
import type { AuditRow } from "../kernel/audit.ts";
import type { Store } from "../kernel/ports.ts";
import type { CoreTx } from "../kernel/records.ts";
import type { ApprovalNews } from "./events.ts";
import type { PolicyRepository } from "./policy/policy-records.ts";
import type { Approval, ApprovalEvent, Decision, Grant } from "./request.ts";
import type { StandIn, Subject } from "./types.ts";

export interface Instant {
  /** The database's clock. */
  readonly now: number;
  /** A number that every change of the tenant's stand-ins increments; 0 before the first. */
  readonly standInChanges: number;
}

/** What a new request begins from. */
export interface Standing extends Instant {
  /** Of its policy. */
  readonly activeVersion: number | undefined;
  /** The open request of its subject, under whatever policy, or else the subject's latest one that still grants under this policy. */
  readonly currentId: string | undefined;
}

/** A request that this transaction has locked. */
export interface LockedApproval extends Instant {
  readonly approval: Approval;
  /** The version of people (directory and stand-ins) by which its candidates were resolved. */
  readonly resolvedVersion: number;
  /** Of its policy, whatever version it is pinned to. */
  readonly activeVersion: number | undefined;
  /** The hash of its last event. */
  readonly lastHash: string;
}

export interface ApprovalFilter {
  readonly tenant: string;
  readonly decisions?: readonly Decision[];
  readonly subjectType?: string;
  readonly subjectId?: string;
  readonly policyKey?: string;
  /** Of the content. */
  readonly digest?: string;
  readonly grant?: Grant;
  /** Only those before this id. */
  readonly beforeId?: string;
  readonly limit: number;
}

/** An inbox row: an open request that somebody of a selector may decide. */
export interface InboxRow {
  readonly approvalId: string;
  readonly openedAt: number;
}

export interface ApprovalRepository {
  instant(tenant: string): Promise<Instant>;
  standing(tenant: string, policyKey: string, subject: Pick<Subject, "type" | "id">): Promise<Standing>;
  /** A new request with its events. Where another transaction opened one of the subject first, this one runs again. */
  insert(approval: Approval, events: readonly ApprovalEvent[], resolvedVersion: number): Promise<void>;
  find(tenant: string, id: string): Promise<Approval | undefined>;
  /** Several at once, in any order. */
  findAll(tenant: string, ids: readonly string[]): Promise<readonly Approval[]>;
  lock(tenant: string, id: string): Promise<LockedApproval | undefined>;
  /**
   * Writes the document after these events. False, and nothing is written, when the request is not as it was locked any more, or
   * when `isInTime` is asked for and it has expired by the database's clock.
   */
  advance(
    locked: LockedApproval,
    next: Approval,
    events: readonly ApprovalEvent[],
    options: { readonly isInTime: boolean; readonly resolvedVersion: number },
  ): Promise<boolean>;
  events(id: string, afterSequence: number): Promise<readonly ApprovalEvent[]>;
  /** The events as the request's audit chain. */
  chain(id: string): Promise<readonly AuditRow[]>;
  list(filter: ApprovalFilter): Promise<readonly Approval[]>;
  /** Rows of one selector, latest first, after a place in that order. */
  inbox(query: {
    readonly tenant: string;
    readonly selector: string;
    readonly before: InboxRow | undefined;
    readonly limit: number;
  }): Promise<readonly InboxRow[]>;
  /** Ids and tenants of open requests that were resolved by an older version of people. */
  outdated(tenant: string, version: number, limit: number): Promise<readonly string[]>;
  /** Number of requests that are not decided, of all tenants. */
  countOpen(): Promise<number>;
}

/** What a command answered, by which a repetition is answered. */
export interface CommandRecord {
  /** SHA-256 of the command's content. */
  readonly contentHash: string;
  readonly approvalId: string;
}

export interface CommandRepository {
  find(key: string): Promise<CommandRecord | undefined>;
  insert(key: string, record: CommandRecord): Promise<void>;
  /** Deletes those that are older than `ageMs` by the database's clock, at most `limit`; resolves to their number. */
  prune(ageMs: number, limit: number): Promise<number>;
}

export interface StandInRepository {
  insert(tenant: string, standIn: StandIn): Promise<void>;
  find(tenant: string, id: string): Promise<StandIn | undefined>;
  delete(tenant: string, id: string): Promise<void>;
  /** Those that have not ended, latest first. */
  list(tenant: string, limit: number): Promise<readonly StandIn[]>;
  /** Says that the tenant's stand-ins have changed, as one that has ended. */
  touch(tenant: string): Promise<void>;
  /** The tenants that have ever had any, with the number of changes. */
  versions(): Promise<ReadonlyMap<string, number>>;
}

export interface ApprovalTx extends CoreTx<ApprovalNews> {
  readonly policies: PolicyRepository;
  readonly approvals: ApprovalRepository;
  readonly approvalCommands: CommandRepository;
  readonly standIns: StandInRepository;
}

export type ApprovalStore = Store<ApprovalTx>;
