import type { DirectoryTx } from "../../approvals/directory/records.ts";
import type { StorePart } from "../engine/part.ts";
import { directoryRepository } from "./directory.ts";
import { directory } from "./migrations/0021-directory.ts";
import type { ApprovalTables } from "./tables.ts";

/** What approvals keep, beside what every domain does. */
export const approvalsPart: StorePart<DirectoryTx> = {
  migrations: [directory],
  repositories({ db, dialect }) {
    const session = { db: db.withTables<ApprovalTables>(), dialect };
    return { directories: directoryRepository(session) };
  },
};
