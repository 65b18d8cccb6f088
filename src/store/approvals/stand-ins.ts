/** Stand-ins, and the number of their changes in a tenant. */
import { sql } from "kysely";
import type { StandInRepository } from "../../approvals/records.ts";
import type { Person, StandIn } from "../../approvals/types.ts";
import type { Session } from "../engine/dialect.ts";
import type { ApprovalTables, StandInTable } from "./tables.ts";

export function standInRepository({ db, dialect }: Session<ApprovalTables>): StandInRepository {
  const live = (tenant: string) => db.selectFrom("stand_ins").selectAll().where("tenant", "=", tenant).where("until", ">", dialect.now());

  async function changed(tenant: string): Promise<void> {
    const counted = await db
      .updateTable("approval_tenants")
      .set({ stand_in_version: sql<number>`stand_in_version + 1` })
      .where("tenant", "=", tenant)
      .executeTakeFirst();
    // Two first ones at once: the second is a duplicate, and its transaction runs again.
    if (counted.numUpdatedRows === 0n) await db.insertInto("approval_tenants").values({ tenant, stand_in_version: 1 }).execute();
  }

  return {
    touch: changed,

    async insert(tenant, { id, from, to, policies, since, until }) {
      await db
        .insertInto("stand_ins")
        .values({ id, tenant, absent: JSON.stringify(from), from_key: from.key, to_name: to, policies: JSON.stringify(policies), since, until })
        .execute();
      await changed(tenant);
    },

    async find(tenant, id) {
      const row = await live(tenant).where("id", "=", id).executeTakeFirst();
      return row && standInOf(row);
    },

    async delete(tenant, id) {
      await db.deleteFrom("stand_ins").where("tenant", "=", tenant).where("id", "=", id).execute();
      await changed(tenant);
    },

    async list(tenant, limit) {
      return (await live(tenant).orderBy("id", "desc").limit(limit).execute()).map(standInOf);
    },

    async versions() {
      const rows = await db.selectFrom("approval_tenants").selectAll().execute();
      return new Map(rows.map((row) => [row.tenant, row.stand_in_version]));
    },
  };
}

function standInOf({ id, absent, to_name, policies, since, until }: StandInTable): StandIn {
  return { id, from: JSON.parse(absent) as Person, to: to_name, policies: JSON.parse(policies) as string[], since, until };
}
