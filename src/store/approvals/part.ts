import type { DirectoryTx } from "../../approvals/directory/records.ts";
import type { ApprovalTx } from "../../approvals/records.ts";
import type { CoreTx } from "../../kernel/records.ts";
import { sessionOn } from "../engine/dialect.ts";
import type { StorePart } from "../engine/part.ts";
import { commandRepository } from "./commands.ts";
import { directoryRepository } from "./directory.ts";
import { policies } from "./migrations/0020-policies.ts";
import { directory } from "./migrations/0021-directory.ts";
import { approvals } from "./migrations/0022-approvals.ts";
import { activePolicies } from "./migrations/0023-active-policies.ts";
import { outdated } from "./migrations/0024-outdated.ts";
import { policyRepository } from "./policies.ts";
import { approvalRepository } from "./requests.ts";
import { standInRepository } from "./stand-ins.ts";
import type { ApprovalTables } from "./tables.ts";

/** What approvals keep, beside what every domain does. */
export const approvalsPart: StorePart<DirectoryTx & Omit<ApprovalTx, keyof CoreTx>> = {
  migrations: [policies, directory, approvals, activePolicies, outdated],
  repositories(whole) {
    const session = sessionOn<ApprovalTables>(whole);
    return {
      directories: directoryRepository(session),
      policies: policyRepository(session),
      approvals: approvalRepository(session),
      approvalCommands: commandRepository(session),
      standIns: standInRepository(session),
    };
  },
};
