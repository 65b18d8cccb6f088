import type { Migration } from "../../engine/migrate.ts";

/** Requests for approval, their events, the inbox, commands that were answered, and stand-ins. */
export const approvals: Migration = {
  name: "0022-approvals",
  statements: (ddl) => [
    ...ddl.table(
      "approval_requests",
      [
        `id ${ddl.key(36)} primary key`,
        `tenant ${ddl.key(128)} not null`,
        `policy_key ${ddl.key(128)} not null`,
        `policy_version ${ddl.integer} not null`,
        `subject_type ${ddl.key(128)} not null`,
        `subject_id ${ddl.key(512)} not null`,
        `subject_key ${ddl.key(64)} not null`,
        `open_key ${ddl.key(64)} unique`,
        `decision ${ddl.key(20)} not null`,
        `grant_state ${ddl.key(12)} not null`,
        `effect ${ddl.key(12)} not null`,
        `digest ${ddl.key(128)} not null`,
        `sequence ${ddl.integer} not null`,
        `resolved_version ${ddl.integer} not null`,
        `opened_at ${ddl.integer} not null`,
        `expires_at ${ddl.integer} not null`,
        `last_hash ${ddl.key(64)} not null`,
        `document ${ddl.text} not null`,
      ],
      {
        approval_requests_by_tenant: "tenant, id",
        approval_requests_by_subject: "subject_key, id",
        approval_requests_by_decision: "tenant, decision, id",
        approval_requests_open: "open_key, resolved_version",
      },
    ),
    ...ddl.table("approval_events", [
      `approval_id ${ddl.key(36)} not null`,
      `sequence ${ddl.integer} not null`,
      `type ${ddl.key(40)} not null`,
      `at ${ddl.integer} not null`,
      `actor ${ddl.key(255)} not null`,
      `body ${ddl.text} not null`,
      `previous_hash ${ddl.key(64)} not null`,
      `hash ${ddl.key(64)} not null`,
      "primary key (approval_id, sequence)",
    ]),
    ...ddl.table(
      "approval_inbox",
      [
        `tenant ${ddl.key(128)} not null`,
        `selector ${ddl.key(280)} not null`,
        `opened_at ${ddl.integer} not null`,
        `approval_id ${ddl.key(36)} not null`,
        "primary key (tenant, selector, opened_at, approval_id)",
      ],
      { approval_inbox_by_request: "approval_id" },
    ),
    ...ddl.table(
      "approval_commands",
      [
        `command_key ${ddl.key(64)} primary key`,
        `content_hash ${ddl.key(64)} not null`,
        `approval_id ${ddl.key(36)} not null`,
        `created_at ${ddl.integer} not null`,
      ],
      { approval_commands_by_age: "created_at" },
    ),
    ...ddl.table(
      "stand_ins",
      [
        `id ${ddl.key(36)} primary key`,
        `tenant ${ddl.key(128)} not null`,
        `absent ${ddl.text} not null`,
        `from_key ${ddl.key(255)} not null`,
        `to_name ${ddl.key(255)} not null`,
        `policies ${ddl.text} not null`,
        `since ${ddl.integer} not null`,
        `until ${ddl.integer} not null`,
      ],
      { stand_ins_by_tenant: "tenant, until" },
    ),
    ...ddl.table("approval_tenants", [`tenant ${ddl.key(128)} primary key`, `stand_in_version ${ddl.integer} not null`]),
  ],
};
