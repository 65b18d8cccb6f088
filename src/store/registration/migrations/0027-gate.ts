import type { Migration } from "../../engine/migrate.ts";

/** The gate on registrations: its state, what was admitted, and who waits for an approval. */
export const gate: Migration = {
  name: "0027-gate",
  statements: (ddl) => [
    ...ddl.table("registration_gate", [`id ${ddl.integer} not null primary key`, `epoch ${ddl.integer} not null`, `is_on ${ddl.integer} not null`]),
    ...ddl.table(
      "admissions",
      [
        `id ${ddl.key(36)} not null primary key`,
        `subject_id ${ddl.key(512)} not null`,
        `digest ${ddl.key(64)} not null`,
        `read_names ${ddl.text}`,
        `policy_version ${ddl.integer} not null`,
        `way ${ddl.text}`,
        `approval_id ${ddl.key(36)}`,
      ],
      { admissions_by_subject: "subject_id", admissions_by_approval: "approval_id" },
    ),
    ...ddl.table(
      "asks",
      [
        `service_id ${ddl.key(512)} not null primary key`,
        `approval_id ${ddl.key(36)} not null`,
        `generation ${ddl.integer} not null`,
        `name ${ddl.key(255)} not null`,
        `name_key ${ddl.key(255)} not null`,
        `version ${ddl.key(256)} not null`,
        `request_hash ${ddl.key(64)} not null`,
        `address ${ddl.key(255)} not null`,
        `digest ${ddl.key(64)} not null`,
        `actor ${ddl.key(512)} not null`,
        `traceparent ${ddl.text}`,
        `attempt_id ${ddl.key(64)} not null`,
        `asked_at ${ddl.integer} not null`,
        `admitted ${ddl.integer} not null`,
        `request ${ddl.text} not null`,
        `shown ${ddl.text} not null`,
      ],
      { asks_by_approval: "approval_id", asks_by_name: "name_key" },
    ),
    ...ddl.addColumns("registrations", { name_key: ddl.key(255) }),
    ...ddl.addIndexes("registrations", { registrations_by_name: "name_key, state" }),
  ],
  async fill(query) {
    if ((await query("select id from registration_gate")).length === 0) await query("insert into registration_gate (id, epoch, is_on) values (1, 0, 0)");
    // Names are of ASCII, of which this is the key.
    await query("update registrations set name_key = lower(name) where name_key is null");
  },
};
