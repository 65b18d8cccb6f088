import type { Migration } from "../../engine/migrate.ts";

/**
 * The tags that UpdateTags set, beside the request as it was given. In rows of before they are in the request's JSON, and
 * those it came with are there as `requestedTags`.
 */
export const desiredTags: Migration = {
  name: "0010-desired-tags",
  statements: (ddl) => ddl.addColumns("registrations", { desired_tags: ddl.text }),
};
