/**
 * Named leases by the database's clock. The row's lock decides between concurrent claims. A lease decides who
 * may begin; it does not stop a former holder that still works, so work under a lease must be safe to repeat.
 */
import type { Leases } from "../../kernel/records.ts";
import { fromNow, type Session } from "../engine/dialect.ts";
import type { DeliveryTables } from "./tables.ts";

export function leaseRepository({ db, dialect }: Session<DeliveryTables>): Leases {
  return {
    async acquire(name, owner, leaseMs) {
      const until = fromNow(dialect, leaseMs);
      const taken = await db
        .updateTable("leases")
        .set({ owner, expires_at: until })
        .where("name", "=", name)
        .where((eb) => eb.or([eb("owner", "=", owner), eb("expires_at", "<=", dialect.now())]))
        .executeTakeFirst();
      if (taken.numUpdatedRows > 0n) return true;
      // Held by another or new: the key on the name decides, also between two that come at once.
      try {
        await db.insertInto("leases").values({ name, owner, expires_at: until }).execute();
        return true;
      } catch (error) {
        if (dialect.isDuplicate(error)) return false;
        throw error;
      }
    },

    async release(name, owner) {
      await db.deleteFrom("leases").where("name", "=", name).where("owner", "=", owner).execute();
    },

    async expireLeases() {
      await db.deleteFrom("leases").execute();
    },
  };
}
