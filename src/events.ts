/** The events of all domains: a domain adds its table here. */
import type { EventRow } from "./kernel/event-row.ts";
import { approvalEvents } from "./approvals/events.ts";
import { registrationEvents } from "./registration/events.ts";

export const events: readonly EventRow[] = [...registrationEvents, ...approvalEvents];
