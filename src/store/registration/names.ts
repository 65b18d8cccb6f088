/**
 * Names and their owners. Of all spellings of a name one row has the key, by a unique column, so that it holds between
 * processes too. A row is a reservation until the first registration under the name completes; rows of older programs, which
 * know no reservations, are owned.
 */
import { sql } from "kysely";
import { nameKeyOf } from "../../registration/keys.ts";
import type { NameRepository, NameRow } from "../../registration/name-records.ts";
import { forShare, forUpdate, type Session } from "../engine/dialect.ts";
import type { RegistrationTables, ServiceNameTable } from "./tables.ts";

export function nameRepository({ db, dialect }: Session<RegistrationTables>): NameRepository {
  const names = () => db.selectFrom("service_names").selectAll();
  const byKey = (name: string) => names().where("name_key", "=", nameKeyOf(name));
  const live = () => db.selectFrom("attempts").where("live_key", "is not", null);
  const asking = () => db.selectFrom("asks");
  const namesUnderWay = () =>
    live()
      .select(sql<string>`lower(name)`.as("name_key"))
      .union(asking().select("name_key"));

  async function shared(name: string): Promise<NameRow | undefined> {
    return fromRow(await forShare(dialect, byKey(name)).executeTakeFirst());
  }

  async function giveKey(name: string): Promise<NameRow> {
    try {
      await db
        .updateTable("service_names")
        .set({ name_key: nameKeyOf(name) })
        .where("name", "=", name)
        .execute();
    } catch (error) {
      if (!dialect.isDuplicate(error)) throw error;
    }
    const holder = await shared(name);
    if (!holder) throw new Error(`the name ${name} can be neither inserted nor found`);
    return holder;
  }

  return {
    giveKey,

    async find(name) {
      return fromRow(await byKey(name).executeTakeFirst());
    },

    async lock(name) {
      return fromRow(await forUpdate(dialect, byKey(name)).executeTakeFirst());
    },

    async reserve(name, owner) {
      const known = await shared(name);
      if (known) return known;
      try {
        await db
          .insertInto("service_names")
          .values({ name, owner, name_key: nameKeyOf(name), reserved: 1 })
          .execute();
        return { name, owner, isReserved: true };
      } catch (error) {
        // Another one was first, or the row is there without its key.
        if (!dialect.isDuplicate(error)) throw error;
        return (await shared(name)) ?? giveKey(name);
      }
    },

    async set(name, { owner, isReserved }) {
      await db
        .updateTable("service_names")
        .set({ owner, reserved: isReserved ? 1 : null })
        .where("name_key", "=", nameKeyOf(name))
        .execute();
    },

    async respell(name) {
      await db.updateTable("service_names").set({ name }).where("name_key", "=", nameKeyOf(name)).execute();
    },

    async delete(name) {
      await db.deleteFrom("service_names").where("name_key", "=", nameKeyOf(name)).execute();
    },

    async isUnderWay(name) {
      const attempt = live()
        .select("id")
        .where(sql<string>`lower(name)`, "=", nameKeyOf(name));
      const ask = asking().select("service_id").where("name_key", "=", nameKeyOf(name));
      return ((await attempt.limit(1).executeTakeFirst()) ?? (await ask.limit(1).executeTakeFirst())) !== undefined;
    },

    async isRegistered(name) {
      const active = db.selectFrom("registrations").select("id").where("active_key", "is not", null);
      return (
        (await active
          .where(sql<string>`lower(name)`, "=", nameKeyOf(name))
          .limit(1)
          .executeTakeFirst()) !== undefined
      );
    },

    async list({ after, limit, owner, name }) {
      let query = names().where("name_key", "is not", null).where("name", ">", after).orderBy("name").limit(limit);
      if (owner !== undefined) query = query.where("owner", "=", owner);
      if (name !== undefined) query = query.where("name_key", "=", nameKeyOf(name));
      const rows = await query.where((eb) => eb.or([eb("reserved", "is", null), eb("name_key", "in", namesUnderWay())])).execute();
      return rows.map(rowOf);
    },

    async reservedInVain(limit) {
      const rows = await names().where("reserved", "=", 1).where("name_key", "not in", namesUnderWay()).orderBy("name").limit(limit).execute();
      return rows.map(rowOf);
    },

    async ownerOfSpelling(name) {
      const row = await names().where("name", "=", name).where("name_key", "is", null).executeTakeFirst();
      return row?.owner;
    },

    async withoutKey(limit) {
      const rows = await names().where("name_key", "is", null).orderBy("name").limit(limit).execute();
      return rows.map(rowOf);
    },
  };
}

function fromRow(row: ServiceNameTable | undefined): NameRow | undefined {
  return row && rowOf(row);
}

function rowOf({ name, owner, reserved }: ServiceNameTable): NameRow {
  return { name, owner, isReserved: reserved === 1 };
}
