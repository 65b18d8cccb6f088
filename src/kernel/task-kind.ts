/** Kinds of tasks, the work after a commit. A domain declares its kinds, `delivery/tasks.ts` runs them. */

/** What inserting a task needs: the name of its kind and the form of its payload. */
export interface TaskType<P = unknown> {
  /** Its stored name. Unique over all domains; never changed once released. */
  readonly kind: string;
  /**
   * The payload from its stored JSON, which an older or a newer version may have written. Throws when it is invalid: such
   * a task is parked.
   */
  parse(json: unknown): P;
}

/** One kind with its execution. */
export interface TaskKind<P = unknown> extends TaskType<P> {
  /** How long one run may take; its signal is aborted then. */
  readonly limitMs: number;
  /** A task that fails when it is this old is parked; without it, a task is retried without limit. */
  readonly giveUpAfterMs?: number;
  /** So many run at once in a process, beside those of other kinds; without it, the kind shares the places of all. */
  readonly places?: number;
  /**
   * Does the work, and may be repeated, also by another replica at the same time. Rejects when it is to be retried; resolves to
   * `Again` when the same task has more to do later.
   */
  run(payload: P, signal: AbortSignal): Promise<Again | void>;
}

export interface Again {
  /** Milliseconds from now. */
  readonly againInMs: number;
}
