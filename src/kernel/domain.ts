import type { AuditedKind } from "./audit.ts";
import type { LoopSpec } from "./loop.ts";
import type { Measures } from "./meter.ts";
import type { TaskKind } from "./task-kind.ts";

/** A domain's parts for the process, in addition to its use cases. `app.ts` has a line for each domain. */
export interface Domain {
  readonly tasks: readonly TaskKind[];
  readonly loops: readonly LoopSpec[];
  readonly measures: Measures;
  readonly audits: readonly AuditedKind[];
  /** Deletes data past its retention; resolves to true when there may be more. */
  prune(): Promise<boolean>;
  /** Lets running work finish, at most for `ms`, then undoes it. Called once, when the process stops. */
  drain(ms: number): Promise<void>;
}
