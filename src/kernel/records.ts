/**
 * What every transaction has, whatever its domain: events to be published, work to be done later, named leases, the audit.
 * Times are epoch milliseconds.
 */
import type { Audit, Subject } from "./audit.ts";
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
  /** What it is about, for readers of the log. */
  readonly subject: Subject;
  readonly payload: P;
  readonly at: number;
  readonly traceparent: string | undefined;
}

/** An event as it stands in the outbox. A newer version may have written it, or a fault: its payload is not read yet. */
export interface StoredEvent extends Omit<OutboxEvent, "payload"> {
  /** Order of insertion. */
  readonly serial: number;
  /** Empty when it is not known. */
  readonly type: string;
  /** JSON of an EventPayload. */
  readonly payload: string;
}

/** An event of the log. */
export interface LogEvent extends StoredEvent {
  readonly position: number;
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
  /** Unpublished, unparked events, oldest first, with a serial above `afterSerial`. */
  unpublished(limit: number, afterSerial?: number): Promise<readonly StoredEvent[]>;
  markPublished(ids: readonly string[], at: number): Promise<void>;
  /** Takes an event that can never be published out of the way of the others of its key. */
  park(id: string, why: string): Promise<void>;
  backlog(): Promise<{ readonly waiting: number; readonly oldestAt: number | undefined; readonly parked: number }>;
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

/** Which events a reader wants: those of any of `types` (of all, when there are none) that are about `subject`. */
export interface LogFilter {
  readonly types: readonly string[];
  /** Without `id`: everything of the kind. */
  readonly subject: { readonly kind: string; readonly id?: string } | undefined;
}

/** A part of the log as it was at one instant. */
export interface LogPage {
  /** Those that fit the filter, by position. */
  readonly events: readonly LogEvent[];
  /** Every event up to this position was looked at. */
  readonly scanned: number;
  /** The last position that was given. */
  readonly last: number;
  /** The last position that was pruned: a reader that goes on after an earlier one has missed events. */
  readonly pruned: number;
}

/**
 * The committed events in one order for all readers. Positions begin at 1 and have no gaps; an event gets its own after its
 * commit, events of one key in the order of their commits.
 */
export interface EventLog {
  /** Gives positions to committed events that have none, at most `limit`, in the order of insertion. One at a time, of all replicas. */
  number(limit: number): Promise<readonly LogEvent[]>;
  /** How far the log goes, and whether there are events without a position. */
  ends(): Promise<{ readonly last: number; readonly pruned: number; readonly hasUnnumbered: boolean }>;
  /** Events after the position `after`, at most `limit`; with a filter that no index serves, of at most some thousand positions. */
  read(query: LogFilter & { readonly after: number; readonly limit: number }): Promise<LogPage>;
  /**
   * Deletes events that have a position above `after`, were committed before `before` and need not be published any more: those that
   * were, those that are parked, all of them when `hasSink` is false. Looks at some of them; resolves to the position up to which
   * it did, undefined when there are no more that are old enough.
   */
  prune(query: { readonly after: number; readonly before: number; readonly hasSink: boolean }): Promise<number | undefined>;
}

/** One open transaction. A domain adds its repositories, and says which events and audited actions are its own. */
export interface CoreTx<P extends EventPayload = EventPayload, Action extends string = string> {
  readonly outbox: Outbox<P>;
  readonly tasks: Tasks;
  readonly leases: Leases;
  readonly audit: Audit<Action>;
  readonly eventLog: EventLog;
}
