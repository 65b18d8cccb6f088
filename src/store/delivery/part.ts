import type { CoreTx } from "../../kernel/records.ts";
import { sessionOn } from "../engine/dialect.ts";
import type { StorePart } from "../engine/part.ts";
import { auditRepository } from "./audit.ts";
import { leaseRepository } from "./leases.ts";
import { logRepository } from "./log.ts";
import { delivery } from "./migrations/0002-delivery.ts";
import { audit } from "./migrations/0004-audit.ts";
import { log } from "./migrations/0008-log.ts";
import { taskKinds } from "./migrations/0009-tasks.ts";
import { outboxRepository } from "./outbox.ts";
import type { DeliveryTables } from "./tables.ts";
import { taskRepository } from "./tasks.ts";

/** The repositories that every domain writes to. */
export const deliveryPart: StorePart<CoreTx> = {
  migrations: [delivery, audit, log, taskKinds],
  repositories(whole) {
    const session = sessionOn<DeliveryTables>(whole);
    return {
      outbox: outboxRepository(session),
      tasks: taskRepository(session),
      leases: leaseRepository(session),
      audit: auditRepository(session),
      eventLog: logRepository(session),
      afterCommit: session.afterCommit,
    };
  },
};
