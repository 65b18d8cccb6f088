import type { LoopSpec } from "./loop.ts";
import type { Measures } from "./meter.ts";
import type { TaskKind } from "./task-kind.ts";

/** What a domain brings to the process, beside its use cases. `app.ts` has a line for each domain. */
export interface Domain {
  readonly tasks: readonly TaskKind[];
  readonly loops: readonly LoopSpec[];
  readonly measures: Measures;
  /** Deletes what is old enough; resolves to true when there may be more. */
  prune(): Promise<boolean>;
  /** Lets what runs come to its end, at most for `ms`, then takes it back. Called once, when the process stops. */
  drain(ms: number): Promise<void>;
}
