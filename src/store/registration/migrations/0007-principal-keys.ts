import type { Migration } from "../../engine/migrate.ts";

/** Owners of names by the key of the principal; a name alone has no issuer. Keys have a bar, names have none. */
export const principalKeys: Migration = {
  name: "0007-principal-keys",
  statements: () => [
    "update service_names set owner = case owner when 'anonymous' then 'open|anonymous' else concat('tokens|', owner) end where owner not like '%|%'",
  ],
};
