import type { CoreTx } from "../../kernel/records.ts";
import type { PolicyTx } from "../../approvals/policy/policy-records.ts";
import type { StorePart } from "../engine/part.ts";
import { policies } from "./migrations/0020-policies.ts";
import { policyRepository, type PolicyTables } from "./policies.ts";

/** What approvals keep, beside what every domain does. */
export const approvalsPart: StorePart<Omit<PolicyTx, keyof CoreTx>> = {
  migrations: [policies],
  repositories({ db, dialect }) {
    return { policies: policyRepository({ db: db.withTables<PolicyTables>(), dialect }) };
  },
};
