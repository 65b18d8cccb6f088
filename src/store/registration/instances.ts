/**
 * Instance keys and name owners: rows that are created once and stay.
 *
 * `claim` reads with a lock first, since most keys are known, and inserts only when the row is missing. When two
 * processes insert the same new key, the unique keys let one through; the other waits for it, is refused as a duplicate
 * and then locks the row that the first one created.
 */
import { DomainError } from "../../kernel/errors.ts";
import type { InstanceKey, InstanceRepository, InstanceRow } from "../../registration/records.ts";
import { forUpdate, type Session } from "../engine/dialect.ts";
import type { InstanceTable, RegistrationTables } from "./tables.ts";

export function instanceRepository({ db, dialect }: Session<RegistrationTables>): InstanceRepository {
  async function locked(serviceId: string): Promise<InstanceTable | undefined> {
    return forUpdate(dialect, db.selectFrom("instances").selectAll().where("service_id", "=", serviceId)).executeTakeFirst();
  }

  async function ownerOf(name: string): Promise<string | undefined> {
    const row = await db.selectFrom("service_names").select("owner").where("name", "=", name).executeTakeFirst();
    return row?.owner;
  }

  return {
    async claim(key) {
      const known = await locked(key.serviceId);
      if (known) return sameKey(known, key);
      try {
        await db.insertInto("instances").values({ service_id: key.serviceId, name: key.name, host: key.host, port: key.port, generation: 0 }).execute();
      } catch (error) {
        if (!dialect.isDuplicate(error)) throw error;
        const other = await locked(key.serviceId);
        if (!other) throw clash(key);
        return sameKey(other, key);
      }
      return { serviceId: key.serviceId, name: key.name, host: key.host, port: key.port, generation: 0 };
    },

    async lock({ name, host, port }) {
      const query = db.selectFrom("instances").selectAll().where("name", "=", name).where("host", "=", host).where("port", "=", port);
      const row = await forUpdate(dialect, query).executeTakeFirst();
      return row && instanceFromRow(row);
    },

    async lockId(serviceId) {
      const row = await locked(serviceId);
      return row && instanceFromRow(row);
    },

    async bumpGeneration(serviceId) {
      await db
        .updateTable("instances")
        .set((eb) => ({ generation: eb("generation", "+", 1) }))
        .where("service_id", "=", serviceId)
        .execute();
    },

    async claimName(name, owner) {
      const known = await ownerOf(name);
      if (known !== undefined) return known;
      try {
        await db.insertInto("service_names").values({ name, owner }).execute();
        return owner;
      } catch (error) {
        if (!dialect.isDuplicate(error)) throw error;
        const other = await ownerOf(name);
        if (other === undefined) throw error;
        return other;
      }
    },
  };
}

function sameKey(row: InstanceTable, key: InstanceKey): InstanceRow {
  if (row.name !== key.name || row.host !== key.host || row.port !== key.port) throw clash(key);
  return instanceFromRow(row);
}

function clash(key: InstanceKey): DomainError {
  return new DomainError({
    kind: "already_exists",
    reason: "SERVICE_ID_CLASH",
    message: `service id ${key.serviceId} belongs to another name, host and port`,
    subject: { type: "service", name: key.serviceId },
    metadata: { service_id: key.serviceId },
  });
}

function instanceFromRow(row: InstanceTable): InstanceRow {
  return { serviceId: row.service_id, name: row.name, host: row.host, port: row.port, generation: row.generation };
}
