/**
 * Attempts, their events and their leases.
 *
 * Guarantees: one live attempt a service id and one attempt a request id of a principal, by unique keys, so that it holds between
 * processes too. An attempt moves only by `advance`, which names the lease and the last sequence it believes in inside
 * the UPDATE: who lost the lease, or is behind, changes nothing. Leases run by the database's clock, never ours.
 * A lease that ran out but that nobody took is still its owner's: renewing it is safe, the row decides who was first.
 * COMPLETED and ROLLED_BACK give the lease back; STUCK keeps it, so that unwinding is tried again only when it runs out.
 */
import { sql } from "kysely";
import { DomainError } from "../../kernel/errors.ts";
import { nameKeyOf } from "../../registration/keys.ts";
import type { Attempt, AttemptRepository } from "../../registration/records.ts";
import type { AttemptState } from "../../registration/types.ts";
import { attemptFromRow, attemptToRow, errorToText, eventFromRow, eventToRow, liveStates, requestKey, summaryColumns, summaryFromRow } from "./attempt-rows.ts";
import { forUpdate, fromNow, skippingLocked, type Session } from "../engine/dialect.ts";
import type { RegistrationTables } from "./tables.ts";

const claimableStates: readonly AttemptState[] = [...liveStates, "STUCK"];

export function attemptRepository({ db, dialect }: Session<RegistrationTables>): AttemptRepository {
  const attempts = () => db.selectFrom("attempts").selectAll();

  async function findLive(serviceId: string): Promise<Attempt | undefined> {
    const row = await attempts().where("live_key", "=", serviceId).executeTakeFirst();
    return row && attemptFromRow(row);
  }

  async function findByRequestId(actor: string, requestId: string): Promise<Attempt | undefined> {
    const row = (await attempts().where("request_key", "=", requestKey(actor, requestId)).executeTakeFirst()) ?? (await findFormer(actor, requestId));
    return row && attemptFromRow(row);
  }

  /** Actors of the oldest rows are names, without their issuer. */
  function findFormer(actor: string, requestId: string) {
    const name = actor.slice(actor.indexOf("|") + 1);
    return attempts().where("request_id", "=", requestId).where("actor", "in", [actor, name]).executeTakeFirst();
  }

  async function conflictOf(error: unknown, { serviceId, actor, requestId }: Attempt): Promise<unknown> {
    if (!dialect.isDuplicate(error)) return error;
    const live = await findLive(serviceId);
    if (live) {
      return new DomainError({
        kind: "conflict",
        reason: "ATTEMPT_IN_FLIGHT",
        message: `another attempt for ${serviceId} is running`,
        metadata: { attempt_id: live.id },
        cause: dialect.translate(error),
      });
    }
    const same = requestId === undefined ? undefined : await findByRequestId(actor, requestId);
    if (!same) return error;
    return new DomainError({
      kind: "conflict",
      reason: "REQUEST_ID_REUSED",
      message: "the request id is already taken by another attempt",
      metadata: { attempt_id: same.id },
      cause: dialect.translate(error),
    });
  }

  return {
    findLive,
    findByRequestId,

    async liveUnder(name, actor) {
      const live = db.selectFrom("attempts").select(["id", "service_id as serviceId"]).where("live_key", "is not", null);
      return live
        .where("actor", "=", actor)
        .where(sql<string>`lower(name)`, "=", nameKeyOf(name))
        .execute();
    },

    async insert(attempt, events, leaseMs) {
      const live = liveStates.includes(attempt.state);
      try {
        await db
          .insertInto("attempts")
          .values({ ...attemptToRow(attempt), lease_until: live ? fromNow(dialect, leaseMs) : 0 })
          .execute();
      } catch (error) {
        throw await conflictOf(error, attempt);
      }
      if (events.length > 0) await db.insertInto("attempt_events").values(events.map(eventToRow)).execute();
    },

    async find(id) {
      const row = await attempts().where("id", "=", id).executeTakeFirst();
      return row && attemptFromRow(row);
    },

    async lock(id) {
      const row = await forUpdate(dialect, attempts().where("id", "=", id)).executeTakeFirst();
      return row && attemptFromRow(row);
    },

    async list(filter) {
      let query = db.selectFrom("attempts").select(summaryColumns).orderBy("id", "desc").limit(filter.limit);
      if (filter.serviceId !== undefined) query = query.where("service_id", "=", filter.serviceId);
      if (filter.name !== undefined) query = query.where("name", "=", filter.name);
      if (filter.states && filter.states.length > 0) query = query.where("state", "in", filter.states);
      if (filter.createdAfter !== undefined) query = query.where("created_at", ">=", filter.createdAfter);
      if (filter.createdBefore !== undefined) query = query.where("created_at", "<", filter.createdBefore);
      if (filter.beforeId !== undefined) query = query.where("id", "<", filter.beforeId);
      return (await query.execute()).map(summaryFromRow);
    },

    async events(id, afterSequence) {
      const rows = await db
        .selectFrom("attempt_events")
        .selectAll()
        .where("attempt_id", "=", id)
        .where("sequence", ">", afterSequence)
        .orderBy("sequence")
        .execute();
      return rows.map(eventFromRow);
    },

    async advance(at, patch, ...events) {
      const { state } = patch;
      const released = state === "COMPLETED" || state === "ROLLED_BACK";
      const moving = db
        .updateTable("attempts")
        .set({
          last_sequence: events.at(-1)?.sequence ?? at.lastSequence,
          ...(state !== undefined && { state, live_key: liveStates.includes(state) ? sql<string>`service_id` : null }),
          ...(released && { lease_until: 0 }),
          ...(patch.cursor !== undefined && { step_cursor: patch.cursor }),
          ...("outcome" in patch && { outcome: patch.outcome ?? null }),
          ...("error" in patch && { error: errorToText(patch.error) }),
          ...(patch.updatedAt !== undefined && { updated_at: patch.updatedAt }),
        })
        .where("id", "=", at.id)
        .where("lease_owner", "=", at.lease.owner)
        .where("lease_epoch", "=", at.lease.epoch)
        .where("last_sequence", "=", at.lastSequence);
      const moved = await moving.executeTakeFirst();
      if (moved.numUpdatedRows === 0n) return false;
      if (events.length > 0) await db.insertInto("attempt_events").values(events.map(eventToRow)).execute();
      return true;
    },

    async requestCancel(id) {
      await db.updateTable("attempts").set({ cancel_requested: 1 }).where("id", "=", id).where("state", "in", liveStates).execute();
    },

    async cancelRequested(ids) {
      if (ids.length === 0) return [];
      const rows = await db.selectFrom("attempts").select("id").where("id", "in", ids).where("cancel_requested", "=", 1).execute();
      return rows.map((row) => row.id);
    },

    async renewLeases(owner, ids, leaseMs) {
      if (ids.length === 0) return [];
      await db
        .updateTable("attempts")
        .set({ lease_until: fromNow(dialect, leaseMs) })
        .where("id", "in", ids)
        .where("lease_owner", "=", owner)
        .where("state", "in", liveStates)
        .execute();
      const rows = await db.selectFrom("attempts").select("id").where("id", "in", ids).where("lease_owner", "=", owner).execute();
      return rows.map((row) => row.id);
    },

    async claimExpired(owner, leaseMs, limit, except = []) {
      const expired = attempts().where("state", "in", claimableStates).where("lease_until", "<=", dialect.now()).limit(limit);
      const wanted = except.length === 0 ? expired : expired.where("id", "not in", except);
      const rows = await skippingLocked(dialect, wanted).execute();
      if (rows.length === 0) return [];
      const ids = rows.map((row) => row.id);
      await db
        .updateTable("attempts")
        .set({ lease_owner: owner, lease_epoch: sql<number>`lease_epoch + 1`, lease_until: fromNow(dialect, leaseMs) })
        .where("id", "in", ids)
        .execute();
      return rows.map((row) => attemptFromRow({ ...row, lease_owner: owner, lease_epoch: row.lease_epoch + 1 }));
    },

    async expireLeases() {
      await db.updateTable("attempts").set({ lease_until: 0 }).where("state", "in", claimableStates).execute();
    },

    async countByState() {
      const rows = await db
        .selectFrom("attempts")
        .select(["state", (eb) => eb.fn.countAll<number>().as("count")])
        .groupBy("state")
        .execute();
      return Object.fromEntries(rows.map((row) => [row.state, row.count]));
    },

    async prune({ belowId, unchangedBelowId, limit }) {
      const oldest = db.selectFrom("attempts").select("id").where("state", "in", ["COMPLETED", "ROLLED_BACK"]).orderBy("id").limit(limit);
      const chosen = [
        ...(await oldest.where("id", "<", belowId).execute()),
        ...(await oldest.where("id", "<", unchangedBelowId).where("outcome", "=", "UNCHANGED").execute()),
      ];
      const ids = [...new Set(chosen.map(({ id }) => id))].slice(0, limit);
      if (ids.length === 0) return 0;
      await db.deleteFrom("attempt_events").where("attempt_id", "in", ids).execute();
      await db.deleteFrom("attempts").where("id", "in", ids).execute();
      return ids.length;
    },
  };
}
