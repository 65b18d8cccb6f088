/**
 * Instance keys: rows that are made once and stay, one a spelling. Of all spellings of an instance at most one has the key that
 * they share: by a unique column, so that it holds between processes too.
 *
 * `claim` reads with a lock first, since most keys are known, and inserts only when there is no row. When two processes
 * insert the same new key, the unique keys let one through; the other waits for it, is refused as a duplicate and then
 * locks the row the first one made. A row that an older program beside this one made has no key until it is claimed.
 */
import { idKeyOf } from "../../registration/keys.ts";
import type { InstanceRepository, InstanceRow } from "../../registration/records.ts";
import { forUpdate, type Session } from "../engine/dialect.ts";
import type { InstanceTable, RegistrationTables } from "./tables.ts";

export function instanceRepository({ db, dialect }: Session<RegistrationTables>): InstanceRepository {
  const instances = () => db.selectFrom("instances").selectAll();

  async function locked(serviceId: string): Promise<InstanceTable | undefined> {
    return forUpdate(dialect, instances().where("service_id", "=", serviceId)).executeTakeFirst();
  }

  async function holderOf(idKey: string): Promise<InstanceTable | undefined> {
    return forUpdate(dialect, instances().where("id_key", "=", idKey)).executeTakeFirst();
  }

  /** True when the write was done, false when a unique key refused it. */
  async function unlessDuplicate(write: () => Promise<unknown>): Promise<boolean> {
    try {
      await write();
      return true;
    } catch (error) {
      if (!dialect.isDuplicate(error)) throw error;
      return false;
    }
  }

  return {
    async claim(key) {
      const { serviceId, name, host, port } = key;
      const idKey = idKeyOf(serviceId);
      const known = await holderOf(idKey);
      if (known) return instanceFromRow(known);
      const row = { service_id: serviceId, name, host, port, generation: 0, id_key: idKey };
      if (await unlessDuplicate(() => db.insertInto("instances").values(row).execute())) return instanceFromRow(row);
      const other = await holderOf(idKey);
      if (other) return instanceFromRow(other);
      const keyless = await locked(serviceId);
      const keyed = () => db.updateTable("instances").set({ id_key: idKey }).where("service_id", "=", serviceId).execute();
      if (keyless && (await unlessDuplicate(keyed))) return instanceFromRow(keyless);
      const holder = await holderOf(idKey);
      if (!holder) throw new Error(`the instance ${serviceId} can be neither inserted nor found`);
      return instanceFromRow(holder);
    },

    async replace({ serviceId, name, host, port }) {
      await db.updateTable("instances").set({ name, host, port }).where("service_id", "=", serviceId).execute();
    },

    async releaseKey(serviceId) {
      await db.updateTable("instances").set({ id_key: null }).where("service_id", "=", serviceId).execute();
    },

    async lockKey(serviceId) {
      const row = await holderOf(idKeyOf(serviceId));
      return row && instanceFromRow(row);
    },

    async find(serviceId) {
      const row = await instances().where("id_key", "=", idKeyOf(serviceId)).executeTakeFirst();
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

    async activeWithoutKey(limit) {
      const rows = await instances()
        .where("id_key", "is", null)
        .where("service_id", "in", db.selectFrom("registrations").select("service_id").where("active_key", "is not", null))
        .orderBy("service_id")
        .limit(limit)
        .execute();
      return rows.map(instanceFromRow);
    },
  };
}

function instanceFromRow(row: InstanceTable): InstanceRow {
  return { serviceId: row.service_id, name: row.name, host: row.host, port: row.port, generation: row.generation };
}
