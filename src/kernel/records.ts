/**
 * Records that every transaction has, in every domain: events to be published, tasks, named leases, the audit.
 * Times are epoch milliseconds.
 */
import type { Audit, Subject } from "./audit.ts";
import type { TaskType } from "./task-kind.ts";

/** An event's content: its type, a row of the domain's table of events, and its data. */
export interface EventPayload {
  readonly type: string;
}

/** A domain event waiting in the outbox. */
export interface OutboxEvent<P extends EventPayload = EventPayload> {
  readonly id: string;
  /** Events of one key are published in the order they were committed. */
  readonly key: string;
  /** Its subject, for readers of the log. */
  readonly subject: Subject;
  readonly payload: P;
  readonly at: number;
  readonly traceparent: string | undefined;
}

/** An event as stored in the outbox, its payload unparsed: it may be of a newer version, or damaged. */
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

/** A claimed task: work after a commit, at least once. */
export interface Task {
  readonly id: string;
  /** JSON, as stored. */
  readonly payload: string;
  /** Number of earlier claims. */
  readonly attempts: number;
  /** Milliseconds since it was inserted, or since it was first claimed where that is not known. */
  readonly ageMs: number;
}

/** Number of tasks of a kind. */
export interface TaskBacklog {
  readonly kind: string;
  /** Due, running, or to be retried later. */
  readonly waiting: number;
  readonly parked: number;
}

export interface Outbox<P extends EventPayload = EventPayload> {
  /** Inserts events, in this order. */
  insert(...events: readonly OutboxEvent<P>[]): Promise<void>;
  /** Unpublished, unparked events, oldest first, with a serial above `afterSerial`. */
  unpublished(limit: number, afterSerial?: number): Promise<readonly StoredEvent[]>;
  markPublished(ids: readonly string[], at: number): Promise<void>;
  /** Parks an event that can never be published, so that later ones of its key are not blocked. */
  park(id: string, why: string): Promise<void>;
  backlog(): Promise<{ readonly waiting: number; readonly oldestAt: number | undefined; readonly parked: number }>;
}

export interface Tasks {
  /** Inserts a task that is due `dueInMs` from now, immediately by default. */
  insert<P>(type: TaskType<P>, task: { readonly id: string; readonly payload: NoInfer<P>; readonly dueInMs?: number }): Promise<void>;
  /** False once the task was done. */
  exists(id: string): Promise<boolean>;
  /** Those of the kinds of which a task is due. */
  due(kinds: readonly string[]): Promise<readonly string[]>;
  /** Claims up to `limit` due tasks of one kind, those due for longest first, for `leaseMs`, after which they are due again. */
  claim(kind: string, leaseMs: number, limit: number): Promise<readonly Task[]>;
  done(id: string): Promise<void>;
  retryIn(id: string, delayMs: number, error: string): Promise<void>;
  /** Keeps a task that is not retried: it is never due. */
  park(id: string, why: string): Promise<void>;
  /** Of every kind that has tasks, in the order of their names. */
  backlog(): Promise<readonly TaskBacklog[]>;
  /** Makes every claimed task due: for a store that only this process can use. */
  expireLeases(): Promise<void>;
}

export interface Leases {
  /** Acquires or renews a named lease by the database's clock. False when another holds it. */
  acquire(name: string, owner: string, leaseMs: number): Promise<boolean>;
  release(name: string, owner: string): Promise<void>;
  /** Ends every named lease: for a store that only this process can use. */
  expireLeases(): Promise<void>;
}

/** A reader's filter: events of any of `types` (of all, when empty) that are about `subject`. */
export interface LogFilter {
  readonly types: readonly string[];
  /** Without `id`: everything of the kind. */
  readonly subject: { readonly kind: string; readonly id?: string } | undefined;
}

/** A part of the log at one instant. */
export interface LogPage {
  /** Matching events, by position. */
  readonly events: readonly LogEvent[];
  /** Every event up to this position was scanned. */
  readonly scanned: number;
  /** The last assigned position. */
  readonly last: number;
  /** The last position that was pruned: a reader that continues after an earlier one has missed events. */
  readonly pruned: number;
}

/**
 * The committed events in one order for all readers. Positions begin at 1 and have no gaps; an event gets its position after its
 * commit, events of one key in the order of their commits.
 */
export interface EventLog {
  /** Assigns positions to committed events without one, at most `limit`, in the order of insertion. Serialized over all replicas. */
  number(limit: number): Promise<readonly LogEvent[]>;
  /** The end of the log, and whether there are events without a position. */
  ends(): Promise<{ readonly last: number; readonly pruned: number; readonly hasUnnumbered: boolean }>;
  /** Events after the position `after`, at most `limit`; with a filter that no index serves, of at most some thousand positions. */
  read(query: LogFilter & { readonly after: number; readonly limit: number }): Promise<LogPage>;
  /** Events about a subject that have a trace context, with or without a position, in the order of insertion. */
  traced(subject: Subject): Promise<readonly StoredEvent[]>;
  /**
   * Deletes events that have a position above `after`, were committed before `before` and are no longer to be published: published
   * and parked ones, or all when `hasSink` is false. Scans one batch; resolves to the position up to which
   * it scanned, undefined when no more are old enough.
   */
  prune(query: { readonly after: number; readonly before: number; readonly hasSink: boolean }): Promise<number | undefined>;
}

/** One open transaction. A domain adds its repositories, and declares its events and audited actions. */
export interface CoreTx<P extends EventPayload = EventPayload, Action extends string = string> {
  readonly outbox: Outbox<P>;
  readonly tasks: Tasks;
  readonly leases: Leases;
  readonly audit: Audit<Action>;
  readonly eventLog: EventLog;
  /** Runs `work`, which must not throw, when this is committed: once, however often the transaction was rerun. Not when the answer to the commit was lost. */
  readonly afterCommit: (work: () => void) => void;
}
