/** What the store keeps for policies. Times are epoch milliseconds. */
import type { Store } from "../../kernel/ports.ts";
import type { CoreTx } from "../../kernel/records.ts";
import type { PolicyDocument } from "../types.ts";
import type { PolicyNews } from "./policy-news.ts";

/** A version begins as a DRAFT; one of a key may be ACTIVE; what was ARCHIVED stays so. */
export const policyStatuses = ["DRAFT", "ACTIVE", "ARCHIVED"] as const;
export type PolicyStatus = (typeof policyStatuses)[number];

/** Who did something, and when. */
export interface Done {
  /** The principal's key. */
  readonly by: string;
  readonly at: number;
}

export interface PolicySummary {
  readonly tenant: string;
  readonly key: string;
  /** From 1. */
  readonly version: number;
  readonly status: PolicyStatus;
  /** SHA-256 of the document in canonical form, hex. */
  readonly digest: string;
  /** The type of the subjects it is for. */
  readonly subject: string;
  readonly created: Done;
  readonly activated: Done | undefined;
  readonly archived: Done | undefined;
}

export interface PolicyVersion extends PolicySummary {
  readonly document: PolicyDocument;
  /** The text as it was put. */
  readonly source: string;
}

export interface PolicyRepository {
  find(tenant: string, key: string, version: number): Promise<PolicyVersion | undefined>;
  /** The number of the active version. */
  activeVersion(tenant: string, key: string): Promise<number | undefined>;
  findActive(tenant: string, key: string): Promise<PolicyVersion | undefined>;
  /** The version with the highest number, whatever its status. */
  findLatest(tenant: string, key: string): Promise<PolicyVersion | undefined>;
  /** Locks all versions of a key until the transaction ends; resolves to their summaries, latest first. */
  lock(tenant: string, key: string): Promise<readonly PolicySummary[]>;
  /** Two that insert the same version at once: the second one's transaction runs again. */
  insert(version: PolicyVersion): Promise<void>;
  /** A second ACTIVE version of a key is refused as a duplicate. */
  setStatus(at: Pick<PolicySummary, "tenant" | "key" | "version">, status: "ACTIVE" | "ARCHIVED", done: Done): Promise<void>;
  /** Versions of one key, latest first, below `beforeVersion`. */
  versions(query: {
    readonly tenant: string;
    readonly key: string;
    readonly beforeVersion?: number;
    readonly limit: number;
  }): Promise<readonly PolicySummary[]>;
  /** Of each key after `afterKey` the active version, or else the latest; in the order of the keys. */
  list(query: { readonly tenant: string; readonly afterKey: string; readonly limit: number }): Promise<readonly PolicySummary[]>;
}

export type PolicyAction = "POLICY_PUT" | "POLICY_ACTIVATED" | "POLICY_ARCHIVED";

export interface PolicyTx extends CoreTx<PolicyNews, PolicyAction> {
  readonly policies: PolicyRepository;
}

export type PolicyStore = Store<PolicyTx>;
