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
  /** Those of these events of a source that are there. */
  known(source: string, eventIds: readonly string[]): Promise<ReadonlySet<string>>;
  get(tenant: string, id: string): Promise<InboundRecord | undefined>;
  /** Of an event that is there. */
  lock(id: string): Promise<(InboundRecord & { readonly now: number }) | undefined>;
  /** What the source says of it by now. */
  replace(id: string, content: Pick<InboundRecord, "eventType" | "claimedActor" | "body">): Promise<void>;
  /** One more try, and what came of it. */
  settle(id: string, end: End): Promise<void>;
  /** Newest first, without bodies. */
  list(filter: InboundFilter): Promise<readonly InboundRecord[]>;
  /** Of one tenant, or of all. */
  counts(tenant?: string): Promise<readonly InboundCount[]>;
  /** Deletes those that came more than `ageMs` ago, of one tenant or of all, at most `limit`; never one that waits to be tried again. Resolves to their number. */
  prune(ageMs: number, limit: number, tenant?: string): Promise<number>;
}

/** How far a source was read, and how that goes. */
export interface PollState {
  readonly source: string;
  /** What the cursor belongs to: the URL, and how it is read. */
  readonly place: string;
  readonly cursor: string | undefined;
  /** Of the rounds; the latest one alone moves the cursor. */
  readonly run: number;
  readonly dueAt: number;
  /** Rounds in a row that have failed. */
  readonly failures: number;
  /** When a round last ended well; undefined before the first time. */
  readonly succeededAt: number | undefined;
  readonly failedAt: number | undefined;
  /** Why it failed last; empty before the first time. */
  readonly error: string;
  /** There may be events that its answers do not reach. */
  readonly isStarved: boolean;
  /** Since when it is read there. */
  readonly since: number;
}

/** With the database's clock. */
export type PollStateNow = PollState & { readonly now: number };

export interface PollRepository {
  /** The state of a source, locked; written now when there is none, and anew, without a cursor, when it is one of another place. */
  lock(source: string, place: string): Promise<PollStateNow>;
  save(state: PollState): Promise<void>;
  list(): Promise<readonly PollStateNow[]>;
}

export interface InboundTx extends CoreTx {
  readonly inbound: InboundRepository;
  readonly inboundPolls: PollRepository;
}

export type InboundStore = Store<InboundTx>;
