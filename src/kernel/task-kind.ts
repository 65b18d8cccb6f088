/** Kinds of work that is left to be done after a commit. A domain declares its kinds, `delivery/tasks.ts` carries them out. */

/** What is needed to insert a task: the name of its kind and the form of its payload. */
export interface TaskType<P = unknown> {
  /** What it is stored under. Unique over all domains; never changed once released. */
  readonly kind: string;
  /**
   * The payload from its stored JSON, which an older or a newer version may have written. Throws when it is not one: such
   * a task is parked.
   */
  parse(json: unknown): P;
}

/** One kind with how it is carried out. */
export interface TaskKind<P = unknown> extends TaskType<P> {
  /** How long one run may take; its signal is aborted then. */
  readonly limitMs: number;
  /** A task that fails when it is this old is parked; without it, a task is tried again without end. */
  readonly giveUpAfterMs?: number;
  /** Does the work, and may be repeated, also by another replica at the same time. Rejects when it is to be tried again. */
  run(payload: P, signal: AbortSignal): Promise<void>;
}
