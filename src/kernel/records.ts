/**
 * What every transaction has, whatever its domain: events to be published, work to be done later, named leases, the audit.
 * Times are epoch milliseconds.
 */
import type { Audit } from "./audit.ts";
import type { TaskType } from "./task-kind.ts";

/** What an event says: its type, by which the domain's table of events knows it, and what belongs to it. */
export interface EventPayload {
  readonly type: string;
}

/** A domain event waiting in the outbox. */
export interface OutboxEvent<P extends EventPayload = EventPayload> {
  readonly id: string;
  /** Events of one key are published in the order they were committed. */
  readonly key: string;
  readonly payload: P;
  readonly at: number;
  readonly traceparent: string | undefined;
}

/** Work to be done after a commit, at least once, as a claim gives it out. */
export interface Task {
  readonly id: string;
  /** JSON, as it is stored. */
  readonly payload: string;
  /** Times it was claimed before. */
  readonly attempts: number;
  /** Milliseconds since it was inserted, or since it was first claimed where that is not known. */
  readonly ageMs: number;
}

/** How many tasks of a kind there are. */
export interface TaskBacklog {
  readonly kind: string;
  /** Due, under way, or to be tried again later. */
  readonly waiting: number;
  readonly parked: number;
}

export interface Outbox<P extends EventPayload = EventPayload> {
  insert(event: OutboxEvent<P>): Promise<void>;
  /** Unpublished, unparked events, oldest first. */
  unpublished(limit: number): Promise<readonly OutboxEvent[]>;
  markPublished(ids: readonly string[], at: number): Promise<void>;
  /** Takes an event that can never be published out of the way of the others of its key. */
  park(id: string, why: string): Promise<void>;
  backlog(): Promise<{ readonly waiting: number; readonly oldestAt: number | undefined; readonly parked: number }>;
  /** Deletes events published before `before`. */
  prune(before: number): Promise<void>;
}

export interface Tasks {
  /** Leaves work behind that is due `dueInMs` from now, at once by default. */
  insert<P>(type: TaskType<P>, task: { readonly id: string; readonly payload: NoInfer<P>; readonly dueInMs?: number }): Promise<void>;
  /** False once the task was done. */
  exists(id: string): Promise<boolean>;
  /** Takes up to `limit` due tasks of one kind, those due for longest first, for `leaseMs`, after which they are due again. */
  claim(kind: string, leaseMs: number, limit: number): Promise<readonly Task[]>;
  done(id: string): Promise<void>;
  retryIn(id: string, delayMs: number, error: string): Promise<void>;
  /** Keeps a task that is not to be carried out again by itself: it is never due. */
  park(id: string, why: string): Promise<void>;
  /** Of every kind that has tasks, in the order of their names. */
  backlog(): Promise<readonly TaskBacklog[]>;
  /** Makes every claimed task due: for a store that only this process can use. */
  expireLeases(): Promise<void>;
}

export interface Leases {
  /** Takes or prolongs a named lease by the database's clock. False when another holds it. */
  acquire(name: string, owner: string, leaseMs: number): Promise<boolean>;
  release(name: string, owner: string): Promise<void>;
  /** Ends every named lease: for a store that only this process can use. */
  expireLeases(): Promise<void>;
}

/** What the embedded event sink keeps. */
export interface EventLog {
  append(record: { id: string; topic: string; key: string; type: string; contentType: string; at: number; data: Uint8Array }): Promise<void>;
  /** Records with a position above `after`, in order. */
  read(
    after: number,
    limit: number,
  ): Promise<
    readonly {
      readonly position: number;
      readonly id: string;
      readonly topic: string;
      readonly key: string;
      readonly type: string;
      readonly data: Uint8Array;
    }[]
  >;
}

/** One open transaction. A domain adds its repositories, and says which events and audited actions are its own. */
export interface CoreTx<P extends EventPayload = EventPayload, Action extends string = string> {
  readonly outbox: Outbox<P>;
  readonly tasks: Tasks;
  readonly leases: Leases;
  readonly audit: Audit<Action>;
  readonly eventLog: EventLog;
}
