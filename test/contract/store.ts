import { describe } from "vitest";
import { auditTests } from "./store/audit.ts";
import { artifactTests } from "./store/artifacts.ts";
import { attemptTests } from "./store/attempts.ts";
import type { StoreBackend } from "./store/backend.ts";
import { concurrencyTests } from "./store/concurrency.ts";
import { deliveryTests } from "./store/delivery.ts";
import { directoryTests } from "./store/directories.ts";
import { failureTests } from "./store/failures.ts";
import { inboundTests } from "./store/inbound.ts";
import { instanceTests } from "./store/instances.ts";
import { nameTests } from "./store/names.ts";
import { leaseTests } from "./store/leases.ts";
import { logTests } from "./store/log.ts";
import { approvalTests } from "./store/approvals.ts";
import { policyTests } from "./store/policies.ts";
import { recordTests } from "./store/records.ts";
import { textTests } from "./store/text.ts";
import { transactionTests } from "./store/transactions.ts";
import { webhookTests } from "./store/webhooks.ts";

/** What every Store does, whichever database is behind it. */
export function storeContract(name: string, backend: StoreBackend): void {
  describe(`Store: ${name}`, () => {
    transactionTests(backend);
    attemptTests(backend);
    leaseTests(backend);
    instanceTests(backend);
    nameTests(backend);
    artifactTests(backend);
    recordTests(backend);
    approvalTests(backend);
    policyTests(backend);
    webhookTests(backend);
    inboundTests(backend);
    auditTests(backend);
    deliveryTests(backend);
    directoryTests(backend);
    logTests(backend);
    textTests(backend);
    concurrencyTests(backend);
    failureTests(backend);
  });
}
