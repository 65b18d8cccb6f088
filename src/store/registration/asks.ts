/** Instances that wait for an approval: at most one ask a service id. */
import type { Ask, AskRepository, Waiting } from "../../registration/gate/gate-records.ts";
import { nameKeyOf } from "../../registration/keys.ts";
import type { RegisterInput } from "../../registration/types.ts";
import type { Session } from "../engine/dialect.ts";
import { write } from "../engine/writes.ts";
import type { AskTable, RegistrationTables } from "./tables.ts";

const waitingColumns = [
  "service_id",
  "approval_id",
  "generation",
  "request_hash",
  "address",
  "digest",
  "actor",
  "asked_at",
  "admitted",
  "shown",
] as const satisfies readonly (keyof AskTable)[];

export function askRepository({ db }: Session<RegistrationTables>): AskRepository {
  const asks = () => db.selectFrom("asks").selectAll();
  return {
    async put(ask) {
      await write(db, db.deleteFrom("asks").where("service_id", "=", ask.serviceId).compile());
      await write(db, db.insertInto("asks").values(toRow(ask)).compile());
    },

    async find(serviceId) {
      const row = await asks().where("service_id", "=", serviceId).executeTakeFirst();
      return row && fromRow(row);
    },

    async waiting(idKeys) {
      if (idKeys.length === 0) return [];
      const meant = db.selectFrom("instances").select("service_id").where("id_key", "in", idKeys);
      const rows = await db.selectFrom("asks").select(waitingColumns).where("service_id", "in", meant).execute();
      return rows.map(waitingFromRow);
    },

    async of(approvalId) {
      const rows = await asks().where("approval_id", "=", approvalId).orderBy("attempt_id").execute();
      return rows.map(fromRow);
    },

    async list({ name, approvalId, afterId, limit }) {
      let query = asks().where("service_id", ">", afterId).orderBy("service_id").limit(limit);
      if (name !== undefined) query = query.where("name_key", "=", nameKeyOf(name));
      if (approvalId !== undefined) query = query.where("approval_id", "=", approvalId);
      return (await query.execute()).map(fromRow);
    },

    async touch(serviceIds, at) {
      if (serviceIds.length > 0) await write(db, db.updateTable("asks").set({ asked_at: at }).where("service_id", "in", serviceIds).compile());
    },

    async show(approvalId, shown) {
      const showing = db.updateTable("asks").set({ shown: JSON.stringify(shown) });
      await write(db, showing.where("approval_id", "=", approvalId).compile());
    },

    async setAdmitted(approvalId) {
      await write(db, db.updateTable("asks").set({ admitted: 1 }).where("approval_id", "=", approvalId).compile());
    },

    async delete(serviceId) {
      await write(db, db.deleteFrom("asks").where("service_id", "=", serviceId).compile());
    },

    async deleteOf(approvalId) {
      await write(db, db.deleteFrom("asks").where("approval_id", "=", approvalId).where("admitted", "=", 0).compile());
    },

    async count() {
      const row = await db
        .selectFrom("asks")
        .select((eb) => eb.fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      return Number(row.count);
    },
  };
}

function toRow(ask: Ask): AskTable {
  return {
    service_id: ask.serviceId,
    approval_id: ask.approvalId,
    generation: ask.generation,
    name: ask.name,
    name_key: nameKeyOf(ask.name),
    version: ask.version,
    request_hash: ask.requestHash,
    address: ask.address,
    digest: ask.digest,
    actor: ask.actor,
    traceparent: ask.traceparent ?? null,
    attempt_id: ask.attemptId,
    asked_at: ask.askedAt,
    admitted: ask.isAdmitted ? 1 : 0,
    request: JSON.stringify(ask.request),
    shown: JSON.stringify(ask.shown),
  };
}

function fromRow(row: AskTable): Ask {
  return {
    ...waitingFromRow(row),
    name: row.name,
    version: row.version,
    request: JSON.parse(row.request) as RegisterInput,
    traceparent: row.traceparent ?? undefined,
    attemptId: row.attempt_id,
  };
}

function waitingFromRow(row: Pick<AskTable, (typeof waitingColumns)[number]>): Waiting {
  return {
    serviceId: row.service_id,
    approvalId: row.approval_id,
    generation: row.generation,
    requestHash: row.request_hash,
    address: row.address,
    digest: row.digest,
    actor: row.actor,
    askedAt: row.asked_at,
    isAdmitted: row.admitted === 1,
    shown: JSON.parse(row.shown) as Ask["shown"],
  };
}
