import type { Migration } from "../../engine/migrate.ts";

/** Which version a registration's schema has, what a schema version is, and how it differs from the one before it. */
export const schemas: Migration = {
  name: "0005-schemas",
  statements: (ddl) => [
    ...ddl.addColumns("registrations", { schema_version: ddl.key(256) }),
    ...ddl.addColumns("schema_versions", {
      kind: `${ddl.key(32)} not null default 'JSON'`,
      compared_with: ddl.key(256),
      verdict: ddl.key(32),
      changes: ddl.text,
    }),
  ],
};
