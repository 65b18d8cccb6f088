import { checkKeyOf } from "../../../registration/keys.ts";
import type { RegisterInput } from "../../../registration/types.ts";
import type { Migration } from "../../engine/migrate.ts";

/**
 * What the health check of a registration dials, as a key, and which service it asks for. Ended registrations have no key:
 * only those that are active are looked for by it. An older program beside this one writes none; its rows are found again when they are replaced.
 */
export const checks: Migration = {
  name: "0015-checks",
  statements: (ddl) => [
    ...ddl.addColumns("registrations", { check_key: ddl.key(64), health_service: ddl.key(256) }),
    ...ddl.addIndexes("registrations", { registrations_by_check: "check_key, active_key" }),
  ],
  async fill(query) {
    for (const row of await query("select id, address, request from registrations where active_key is not null and check_key is null")) {
      const key = checkKeyOf(JSON.parse(String(row["request"])) as RegisterInput, String(row["address"]));
      await query("update registrations set check_key = ? where id = ?", [key, String(row["id"])]);
    }
  },
};
