/** What the use cases of approvals stand on. */
import type { Log } from "../kernel/log.ts";
import type { Clock, Ids } from "../kernel/ports.ts";
import type { ApprovalMeter } from "./metrics.ts";
import type { SubjectOwner } from "./owners.ts";
import type { World } from "./people.ts";
import type { ApprovalStore, ApprovalTx } from "./records.ts";
import type { RequestNews } from "./request-news.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Person, Policy } from "./types.ts";

/** Policies by key, compiled. */
export interface Policies {
  active(tx: ApprovalTx, tenant: string, key: string): Promise<Policy | undefined>;
  /** The number of the active version. */
  activeVersion(tx: ApprovalTx, tenant: string, key: string): Promise<number | undefined>;
  /** A version that a request is pinned to: versions are never deleted. */
  pinned(tx: ApprovalTx, tenant: string, key: string, version: number): Promise<Policy>;
}

export interface ApprovalDeps {
  readonly store: ApprovalStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly meter: ApprovalMeter;
  readonly policies: Policies;
  readonly owners: readonly SubjectOwner[];
  /** The people of a tenant as they are known now. */
  readonly directory: (tenant: string) => World["directory"];
  readonly listeners: Listeners;
  /** The context as a value; throws CONTEXT_INVALID with every place where it breaks the policy's schema. */
  readonly readContext: (policy: Policy, json: string) => Promise<JsonObject>;
}

/** Who is sent the events of requests, in the transaction of the events. */
export interface Listeners {
  /** Events of one request, as they are published. */
  note(tx: ApprovalTx, news: readonly RequestNews[]): Promise<void>;
  /** Has a callback told of one request; without its id the callback is only checked. Throws INVALID_FIELDS. */
  addCallback(tx: ApprovalTx, approvalId: string | undefined, callback: Callback, by: { readonly tenant: string; readonly key: string }): Promise<void>;
}

export interface Callback {
  readonly url: string;
  /** Empty for none. */
  readonly secretId: string;
}

/** Who calls, as approvals see it. */
export interface Actor {
  readonly tenant: string;
  readonly person: Person;
  /** Has the role admin: may close and reassign requests of others. */
  readonly isAdmin: boolean;
  readonly traceparent: string | undefined;
}
