/**
 * Requests, their events and the inbox.
 *
 * A request moves only by `advance`, which names the sequence that it believes in, and where it matters the expiry by the
 * database's clock, inside the UPDATE. The events of a request are its audit chain: each has the hash of the one before.
 * The inbox is a projection of the active stage, written with it.
 */
import { sql, type RawBuilder } from "kysely";
import { chained, type AuditEntry } from "../../kernel/audit.ts";
import { canonicalJson, sha256 } from "../../kernel/canonical-json.ts";
import { selectorsOf } from "../../approvals/inbox.ts";
import type { ApprovalRepository, Instant } from "../../approvals/records.ts";
import { isOpen, openDecisions, type Approval, type ApprovalEvent } from "../../approvals/request.ts";
import type { Subject } from "../../approvals/types.ts";
import type { Session } from "../engine/dialect.ts";
import { prepared } from "../engine/prepared.ts";
import { insertRows, write } from "../engine/writes.ts";
import { activeKey } from "./policies.ts";
import type { ApprovalEventTable, ApprovalTable, ApprovalTables } from "./tables.ts";

interface InstantRow {
  readonly now: number;
  readonly stand_ins: number | null;
}

interface StandingRow extends InstantRow {
  readonly active: number | null;
  readonly current_id: string | null;
}

type LockedRow = InstantRow & Pick<StandingRow, "active"> & Pick<ApprovalTable, "document" | "resolved_version" | "last_hash">;

type Moved = ReturnType<typeof columnsOf> & { readonly last_hash: string; readonly id: string; readonly before: number };

const moving = ({ db }: Session<ApprovalTables>, { id, before, ...columns }: Moved) =>
  db.updateTable("approval_requests").set(columns).where("id", "=", id).where("sequence", "=", before);
const move = prepared(moving);
const moveInTime = prepared((session: Session<ApprovalTables>, moved: Moved) => moving(session, moved).where("expires_at", ">", session.dialect.now()));

const emptyInbox = prepared(({ db }: Session<ApprovalTables>, { id }: { id: string }) => db.deleteFrom("approval_inbox").where("approval_id", "=", id));

export function approvalRepository(session: Session<ApprovalTables>): ApprovalRepository {
  const { db, dialect } = session;
  const requests = () => db.selectFrom("approval_requests").select("document");

  /** The instant, in a statement that reads something else. */
  const instant = (tenant: string) => sql`${dialect.now()} as now, (select stand_in_version from approval_tenants where tenant = ${tenant}) as stand_ins`;

  async function first<Row>(query: RawBuilder<unknown>): Promise<Row | undefined> {
    return (await query.execute(db)).rows[0] as Row | undefined;
  }

  async function writeInbox(approval: Approval): Promise<void> {
    const { tenant, openedAt, id } = approval;
    const rows = selectorsOf(approval).map((selector) => ({ tenant, selector, opened_at: openedAt, approval_id: id }));
    await insertRows(db, "approval_inbox", rows);
  }

  return {
    async instant(tenant) {
      return instantOf(await first<InstantRow>(sql`select ${instant(tenant)}`));
    },

    async standing(tenant, policyKey, subject) {
      // Found without a lock: MySQL would lock the gap, too, and so hold back requests of other subjects.
      const current = sql`select id from approval_requests where subject_key = ${subjectKeyOf(tenant, subject)} and
        (open_key is not null or policy_key = ${policyKey} and grant_state in ('VALID', 'USED')) order by open_key is null, id desc limit 1`;
      const active = sql`select version from policy_versions where active_key = ${activeKey(tenant, policyKey)}`;
      const row = await first<StandingRow>(sql`select ${instant(tenant)}, (${active}) as active, (${current}) as current_id`);
      return { ...instantOf(row), activeVersion: row?.active ?? undefined, currentId: row?.current_id ?? undefined };
    },

    async insert(approval, events, resolvedVersion) {
      const rows = chain(approval.id, events, "");
      const subjectKey = subjectKeyOf(approval.tenant, approval.subject);
      const { id, tenant, policy, subject, openedAt } = approval;
      await insertRows(db, "approval_requests", [
        {
          id,
          tenant,
          policy_key: policy.key,
          subject_type: subject.type,
          subject_id: subject.id,
          subject_key: subjectKey,
          opened_at: openedAt,
          ...columnsOf(approval, subjectKey, resolvedVersion),
          last_hash: rows.at(-1)?.hash ?? "",
        },
      ]);
      await insertRows(db, "approval_events", rows);
      await writeInbox(approval);
    },

    async find(tenant, id) {
      const row = await requests().where("id", "=", id).where("tenant", "=", tenant).executeTakeFirst();
      return row && approvalOf(row);
    },

    async findAll(tenant, ids) {
      if (ids.length === 0) return [];
      return (await requests().where("tenant", "=", tenant).where("id", "in", ids).execute()).map(approvalOf);
    },

    async lock(tenant, id) {
      const active = sql`select version from policy_versions as policy
        where policy.tenant = request.tenant and policy.policy_key = request.policy_key and policy.status = 'ACTIVE'`;
      const row = await first<LockedRow>(sql`select document, resolved_version, last_hash, ${instant(tenant)}, (${active}) as active
        from approval_requests as request where id = ${id} and tenant = ${tenant} ${sql.raw(dialect.rowLocks ? "for update" : "")}`);
      return (
        row && {
          ...instantOf(row),
          approval: approvalOf(row),
          resolvedVersion: row.resolved_version,
          activeVersion: row.active ?? undefined,
          lastHash: row.last_hash,
        }
      );
    },

    async advance({ approval: before, lastHash }, next, events, { isInTime, resolvedVersion }) {
      const rows = chain(next.id, events, lastHash);
      const columns = columnsOf(next, subjectKeyOf(next.tenant, next.subject), resolvedVersion);
      const moved = { ...columns, last_hash: rows.at(-1)?.hash ?? lastHash, id: next.id, before: before.sequence };
      const { numAffectedRows } = await db.executeQuery((isInTime ? moveInTime : move)(session, moved));
      if (numAffectedRows !== 1n) return false;
      await insertRows(db, "approval_events", rows);
      if (selectorsOf(next).join("\n") === selectorsOf(before).join("\n")) return true;
      await write(db, emptyInbox(session, { id: next.id }));
      await writeInbox(next);
      return true;
    },

    async events(id, afterSequence) {
      const rows = await db
        .selectFrom("approval_events")
        .selectAll()
        .where("approval_id", "=", id)
        .where("sequence", ">", afterSequence)
        .orderBy("sequence")
        .execute();
      return rows.map(eventOf);
    },

    async chain(id) {
      const rows = await db.selectFrom("approval_events").selectAll().where("approval_id", "=", id).orderBy("sequence").execute();
      return rows.map((row) => ({ ...entryOf(row), sequence: row.sequence, previousHash: row.previous_hash, hash: row.hash }));
    },

    async list({ tenant, decisions, subjectType, subjectId, policyKey, digest, grant, beforeId, limit }) {
      let query = requests().where("tenant", "=", tenant).orderBy("id", "desc").limit(limit);
      if (decisions && decisions.length > 0) query = query.where("decision", "in", decisions);
      if (subjectType !== undefined && subjectId !== undefined)
        query = query.where("subject_key", "=", subjectKeyOf(tenant, { type: subjectType, id: subjectId }));
      else if (subjectType !== undefined) query = query.where("subject_type", "=", subjectType);
      if (policyKey !== undefined) query = query.where("policy_key", "=", policyKey);
      if (digest !== undefined) query = query.where("digest", "=", digest);
      if (grant !== undefined) query = query.where("grant_state", "=", grant);
      if (beforeId !== undefined) query = query.where("id", "<", beforeId);
      return (await query.execute()).map(approvalOf);
    },

    async inbox({ tenant, selector, before, limit }) {
      let query = db.selectFrom("approval_inbox").select(["approval_id", "opened_at"]).where("tenant", "=", tenant).where("selector", "=", selector);
      if (before) {
        // The first condition follows from the second, which SQLite does not see: without it, it reads all rows before the place.
        query = query.where("opened_at", "<=", before.openedAt);
        query = query.where((eb) =>
          eb.or([eb("opened_at", "<", before.openedAt), eb.and([eb("opened_at", "=", before.openedAt), eb("approval_id", "<", before.approvalId)])]),
        );
      }
      const rows = await query.orderBy("opened_at", "desc").orderBy("approval_id", "desc").limit(limit).execute();
      return rows.map((row) => ({ approvalId: row.approval_id, openedAt: row.opened_at }));
    },

    async outdated(tenant, version, limit) {
      const rows = await db
        .selectFrom("approval_requests")
        .select("id")
        .where("tenant", "=", tenant)
        .where("decision", "in", openDecisions)
        .where("resolved_version", "<", version)
        .limit(limit)
        .execute();
      return rows.map(({ id }) => id);
    },

    async countOpen() {
      const row = await db
        .selectFrom("approval_requests")
        .select((eb) => eb.fn.count<number>("open_key").as("open"))
        .executeTakeFirstOrThrow();
      return Number(row.open);
    },
  };
}

function instantOf(row: InstantRow | undefined): Instant {
  return { now: Number(row?.now), standInChanges: row?.stand_ins ?? 0 };
}

function columnsOf(approval: Approval, subjectKey: string, resolvedVersion: number) {
  const { decision, grant, effect, subject, sequence, expiresAt, policy } = approval;
  return {
    policy_version: policy.version,
    open_key: isOpen(approval) ? subjectKey : null,
    decision,
    grant_state: grant,
    effect,
    digest: subject.digest,
    sequence,
    resolved_version: resolvedVersion,
    expires_at: expiresAt,
    document: JSON.stringify(approval),
  };
}

function subjectKeyOf(tenant: string, { type, id }: Pick<Subject, "type" | "id">): string {
  return sha256(canonicalJson([tenant, type, id]));
}

function approvalOf({ document }: Pick<ApprovalTable, "document">): Approval {
  return JSON.parse(document) as Approval;
}

function chain(id: string, events: readonly ApprovalEvent[], lastHash: string): ApprovalEventTable[] {
  let last = lastHash;
  return events.map(({ sequence, type, at, actor, ...rest }) => {
    const row = { approval_id: id, sequence, type, at, actor, body: canonicalJson(rest) };
    const { previousHash, hash } = chained(entryOf(row), { sequence: sequence - 1, hash: last });
    last = hash;
    return { ...row, previous_hash: previousHash, hash };
  });
}

/** An event as an entry of the audit. */
function entryOf({ approval_id, type, at, actor, body }: Omit<ApprovalEventTable, "sequence" | "previous_hash" | "hash">): AuditEntry {
  return { subject: { kind: "approval", id: approval_id }, at, actor, action: type, detail: { event: body } };
}

function eventOf({ sequence, type, at, actor, body }: ApprovalEventTable): ApprovalEvent {
  return { ...(JSON.parse(body) as object), sequence, type, at, actor } as ApprovalEvent;
}
