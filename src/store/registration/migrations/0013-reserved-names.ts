import { nameKeyOf } from "../../../registration/keys.ts";
import type { Migration } from "../../engine/migrate.ts";

/**
 * Names that are not owned yet: `reserved` is 1 until a registration under the name has completed. Of rows of before, those
 * under which none ever did are reservations. In rows that an older program beside this one writes it is null: they are owned.
 */
export const reservedNames: Migration = {
  name: "0013-reserved-names",
  statements: (ddl) => ddl.addColumns("service_names", { reserved: ddl.integer }),
  async fill(query) {
    const completed = await query("select distinct name from registrations where state <> 'PENDING'");
    const owned = new Set(completed.map(({ name }) => nameKeyOf(String(name))));
    for (const { name } of await query("select name from service_names where reserved is null")) {
      if (!owned.has(nameKeyOf(String(name)))) await query("update service_names set reserved = 1 where name = ?", [String(name)]);
    }
  },
};
