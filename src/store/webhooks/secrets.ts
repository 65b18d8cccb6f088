/** Secrets. Their values are read by nothing but `values`. */
import { sql } from "kysely";
import type { SecretRepository } from "../../webhooks/records.ts";
import type { Secret } from "../../webhooks/types.ts";
import { forShare, forUpdate, fromNow, type Session } from "../engine/dialect.ts";
import type { SecretTable, WebhookTables } from "./tables.ts";

const shown = ["id", "tenant", "description", "created_by", "created_at", "rotated_at", "former_until"] as const;

export function secretRepository({ db, dialect }: Session<WebhookTables>): SecretRepository {
  const ofTenant = (tenant: string) => db.selectFrom("webhook_secrets").where("tenant", "=", tenant);

  return {
    async insert({ id, tenant, description, createdBy, createdAt }, value) {
      const made = { id, tenant, description, created_by: createdBy, created_at: createdAt, rotated_at: null };
      await db
        .insertInto("webhook_secrets")
        .values({ ...made, present_value: value, former_value: null, former_until: null })
        .execute();
    },

    async find(tenant, id) {
      const row = await ofTenant(tenant).select(shown).where("id", "=", id).executeTakeFirst();
      return row && secretOf(row);
    },

    async keep(tenant, id) {
      return (await forShare(dialect, ofTenant(tenant).select("id").where("id", "=", id)).executeTakeFirst()) !== undefined;
    },

    async lock(tenant, id) {
      return (await forUpdate(dialect, ofTenant(tenant).select("id").where("id", "=", id)).executeTakeFirst()) !== undefined;
    },

    async delete(tenant, id) {
      await db.deleteFrom("webhook_secrets").where("tenant", "=", tenant).where("id", "=", id).execute();
    },

    async values(tenant, id) {
      const row = await ofTenant(tenant)
        .select(["present_value", sql<string | null>`case when former_until > ${dialect.now()} then former_value end`.as("former")])
        .where("id", "=", id)
        .executeTakeFirst();
      if (!row) return [];
      return row.former === null ? [row.present_value] : [row.present_value, row.former];
    },

    async rotate(tenant, id, value, formerForMs) {
      // In this order: MySQL assigns from left to right.
      const { numUpdatedRows } = await db
        .updateTable("webhook_secrets")
        .set({ former_value: sql<string>`present_value`, former_until: fromNow(dialect, formerForMs), rotated_at: dialect.now(), present_value: value })
        .where("tenant", "=", tenant)
        .where("id", "=", id)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },

    async list({ tenant, beforeId, limit }) {
      let query = ofTenant(tenant).select(shown).orderBy("id", "desc").limit(limit);
      if (beforeId !== undefined) query = query.where("id", "<", beforeId);
      return (await query.execute()).map(secretOf);
    },

    async count(tenant) {
      const { all } = await ofTenant(tenant)
        .select((eb) => eb.fn.countAll<number>().as("all"))
        .executeTakeFirstOrThrow();
      return Number(all);
    },
  };
}

function secretOf(row: Pick<SecretTable, (typeof shown)[number]>): Secret {
  return {
    id: row.id,
    tenant: row.tenant,
    description: row.description,
    createdBy: row.created_by,
    createdAt: row.created_at,
    rotatedAt: row.rotated_at ?? undefined,
    formerUntil: row.former_until ?? undefined,
  };
}
