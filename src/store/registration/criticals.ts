import type { CriticalRepository } from "../../registration/records.ts";
import type { Session } from "../engine/dialect.ts";
import type { CriticalTable, RegistrationTables } from "./tables.ts";

export function criticalRepository({ db }: Session<RegistrationTables>): CriticalRepository {
  return {
    async find(registrationId) {
      const row = await db.selectFrom("criticals").selectAll().where("registration_id", "=", registrationId).executeTakeFirst();
      return row && fromRow(row);
    },

    async list() {
      return (await db.selectFrom("criticals").selectAll().orderBy("registration_id").execute()).map(fromRow);
    },

    async insert({ registrationId, serviceId, name, since }) {
      await db.insertInto("criticals").values({ registration_id: registrationId, service_id: serviceId, name, since }).execute();
    },

    async delete(registrationId) {
      await db.deleteFrom("criticals").where("registration_id", "=", registrationId).execute();
    },
  };
}

function fromRow(row: CriticalTable): Awaited<ReturnType<CriticalRepository["list"]>>[number] {
  return { registrationId: row.registration_id, serviceId: row.service_id, name: row.name, since: row.since };
}
