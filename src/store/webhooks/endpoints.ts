import type { EndpointRepository } from "../../webhooks/records.ts";
import type { Endpoint } from "../../webhooks/types.ts";
import { forUpdate, type Session } from "../engine/dialect.ts";
import { prepared } from "../engine/prepared.ts";
import type { EndpointTable, WebhookTables } from "./tables.ts";

/** Endpoints that may be told of a request, and whether they have a cursor there. */
const listening = prepared(({ db }: Session<WebhookTables>, { tenant, approvalId }: { tenant: string; approvalId: string }) =>
  db
    .selectFrom("webhook_endpoints as e")
    .leftJoin("webhook_cursors as c", (join) => join.onRef("c.endpoint_id", "=", "e.id").on("c.approval_id", "=", approvalId))
    .selectAll("e")
    .select("c.task_id")
    .where("e.tenant", "=", tenant)
    .where("e.approval_id", "in", ["", approvalId])
    .where("e.disabled_at", "is", null)
    .orderBy("e.id"),
);

export function endpointRepository(session: Session<WebhookTables>): EndpointRepository {
  const { db, dialect } = session;
  const one = (tenant: string, id: string) => db.selectFrom("webhook_endpoints").selectAll().where("id", "=", id).where("tenant", "=", tenant);

  return {
    async insert(endpoint) {
      await db.insertInto("webhook_endpoints").values(toRow(endpoint)).execute();
    },

    async find(tenant, id) {
      const row = await one(tenant, id).executeTakeFirst();
      return row && fromRow(row);
    },

    async lock(tenant, id) {
      const row = await forUpdate(dialect, one(tenant, id)).executeTakeFirst();
      return row && fromRow(row);
    },

    async update(endpoint) {
      const { id, tenant, ...rest } = toRow(endpoint);
      await db.updateTable("webhook_endpoints").set(rest).where("id", "=", id).where("tenant", "=", tenant).execute();
    },

    async delete(tenant, id) {
      await db.deleteFrom("webhook_endpoints").where("id", "=", id).where("tenant", "=", tenant).execute();
      await db.deleteFrom("webhook_cursors").where("endpoint_id", "=", id).execute();
      await db
        .updateTable("webhook_deliveries")
        .set({ state: "GIVEN_UP", detail: "the endpoint was deleted", next_at: null })
        .where("endpoint_id", "=", id)
        .where("state", "=", "PENDING")
        .execute();
    },

    async list({ tenant, approvalId, beforeId, limit }) {
      let query = db
        .selectFrom("webhook_endpoints")
        .selectAll()
        .where("tenant", "=", tenant)
        .where("approval_id", "=", approvalId ?? "")
        .orderBy("id", "desc")
        .limit(limit);
      if (beforeId !== undefined) query = query.where("id", "<", beforeId);
      return (await query.execute()).map(fromRow);
    },

    async count(tenant, approvalId) {
      const { all } = await db
        .selectFrom("webhook_endpoints")
        .select((eb) => eb.fn.countAll<number>().as("all"))
        .where("tenant", "=", tenant)
        .where("approval_id", "=", approvalId ?? "")
        .executeTakeFirstOrThrow();
      return Number(all);
    },

    async signedBy(secretId, { tenant, beforeId, limit }) {
      let query = db
        .selectFrom("webhook_endpoints as e")
        .select((eb) => [
          "e.id",
          "e.approval_id",
          eb.exists(eb.selectFrom("webhook_cursors as c").select("c.endpoint_id").whereRef("c.endpoint_id", "=", "e.id")).as("waiting"),
        ])
        .where("e.tenant", "=", tenant)
        .where("e.secret_id", "=", secretId)
        .orderBy("e.id", "desc")
        .limit(limit);
      if (beforeId !== undefined) query = query.where("e.id", "<", beforeId);
      return (await query.execute()).map(({ id, approval_id, waiting }) => ({ id, approvalId: approval_id || undefined, isWaiting: Boolean(waiting) }));
    },

    async listeners(tenant, approvalId) {
      const { rows } = await db.executeQuery(listening(session, { tenant, approvalId }));
      return rows.map(({ task_id, ...row }) => ({ endpoint: fromRow(row), hasCursor: task_id !== null }));
    },
  };
}

function toRow({ id, tenant, approvalId, url, types, subjects, secretId, description, createdBy, createdAt, disabled }: Endpoint): EndpointTable {
  return {
    id,
    tenant,
    approval_id: approvalId ?? "",
    url,
    types: JSON.stringify(types),
    subjects: JSON.stringify(subjects),
    secret_id: secretId ?? null,
    description,
    created_by: createdBy,
    created_at: createdAt,
    disabled_at: disabled?.at ?? null,
    disabled_why: disabled?.why ?? null,
  };
}

function fromRow(row: EndpointTable): Endpoint {
  return {
    id: row.id,
    tenant: row.tenant,
    approvalId: row.approval_id || undefined,
    url: row.url,
    types: JSON.parse(row.types) as string[],
    subjects: JSON.parse(row.subjects) as string[],
    secretId: row.secret_id ?? undefined,
    description: row.description,
    createdBy: row.created_by,
    createdAt: row.created_at,
    disabled: row.disabled_at === null ? undefined : { at: row.disabled_at, why: row.disabled_why ?? "" },
  };
}
