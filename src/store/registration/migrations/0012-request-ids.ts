import type { Migration } from "../../engine/migrate.ts";

/**
 * Request ids belong to their principal. `request_key` is a hash of both and unique; `request_id`, which is unique by itself,
 * stays empty in new rows. Rows of before, and those that an older program beside this one writes, have no key.
 */
export const requestIds: Migration = {
  name: "0012-request-ids",
  statements: (ddl) => [
    ...ddl.addColumns("attempts", { request_key: ddl.key(64), given_request_id: ddl.key(255) }),
    ...ddl.addIndexes("attempts", { attempts_request_key: "request_key" }, "unique"),
  ],
};
