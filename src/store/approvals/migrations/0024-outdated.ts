import type { Migration } from "../../engine/migrate.ts";

/** Open requests by the version of people that resolved them, so that a change of people looks at those alone that it concerns. */
export const outdated: Migration = {
  name: "0024-outdated",
  statements: (ddl) => [
    ...ddl.addIndexes("approval_requests", { approval_requests_outdated: "tenant, decision, resolved_version" }),
    // It has rows of every tenant in the order of a hash: nothing is found by it that the unique key of its first column does not find.
    ...ddl.dropIndex("approval_requests", "approval_requests_open"),
  ],
};
