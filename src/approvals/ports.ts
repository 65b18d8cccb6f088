/** What approvals use of the rest of the process. */
import type { LogFilter, LogPage } from "../kernel/records.ts";

/** The log of events, as far as approvals read it. */
export interface EventLogFeed {
  /** Begins with an item without events, which has the position it starts after. */
  watch(filter: LogFilter, after: number | undefined, signal: AbortSignal): AsyncGenerator<Pick<LogPage, "events" | "scanned">>;
}
