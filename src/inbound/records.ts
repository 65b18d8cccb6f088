/** What the store keeps of events from outside. Times are epoch milliseconds by the database's clock. */
import type { Store } from "../kernel/ports.ts";
import type { CoreTx } from "../kernel/records.ts";
import type { End, InboundRecord, InboundStatus } from "./types.ts";

export interface InboundFilter {
  readonly tenant: string;
  readonly source?: string | undefined;
  readonly status?: InboundStatus | undefined;
  /** Only those before this id. */
  readonly beforeId?: string | undefined;
  readonly limit: number;
}

export interface InboundCount {
  readonly source: string;
  readonly status: InboundStatus;
  readonly count: number;
}

export type NewInbound = Omit<InboundRecord, "tries" | "receivedAt" | "settledAt">;

export interface InboundRepository {
  /** A new event, not tried yet, with the end that it is going to have; false when the source has sent it before. */
  insert(event: NewInbound): Promise<boolean>;
  find(source: string, eventId: string): Promise<InboundRecord | undefined>;
  get(tenant: string, id: string): Promise<InboundRecord | undefined>;
  /** Of an event that is there. */
  lock(id: string): Promise<(InboundRecord & { readonly now: number }) | undefined>;
  /** One more try, and what came of it. */
  settle(id: string, end: End): Promise<void>;
  /** Newest first, without bodies. */
  list(filter: InboundFilter): Promise<readonly InboundRecord[]>;
  /** Of one tenant, or of all. */
  counts(tenant?: string): Promise<readonly InboundCount[]>;
  /** Deletes those that came more than `ageMs` ago, of one tenant or of all, at most `limit`; never one that waits to be tried again. Resolves to their number. */
  prune(ageMs: number, limit: number, tenant?: string): Promise<number>;
}

export interface InboundTx extends CoreTx {
  readonly inbound: InboundRepository;
}

export type InboundStore = Store<InboundTx>;
