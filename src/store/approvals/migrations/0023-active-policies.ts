import type { Migration } from "../../engine/migrate.ts";

/** The active version of a key is found from a row that has the key, in the statement that reads the row. */
export const activePolicies: Migration = {
  name: "0023-active-policies",
  statements: (ddl) => ddl.addIndexes("policy_versions", { policy_versions_by_status: "tenant, policy_key, status" }),
};
